// Playback: one stereo sound, the caller left and Parley right, both heard in the middle.

class Player {
  constructor(audio, base64) {
    this.audio = audio;
    this.gains = { caller: 1, parley: 1 };
    this.nodes = null;
    this.at = 0;
    this.able = base64.length > 0;
    if (this.able) {
      audio.src = URL.createObjectURL(new Blob([bytesOf(base64)], { type: 'audio/wav' }));
    }
  }

  get playing() { return this.able && !this.audio.paused; }
  get position() { return this.able && this.audio.readyState > 0 ? this.audio.currentTime : this.at; }

  seek(t) {
    this.at = clamp(t, 0, data.duration);
    if (this.able) this.audio.currentTime = this.at;
  }

  async toggle() {
    if (!this.able) return;
    if (this.playing) { this.audio.pause(); return; }
    this.mix();
    if (this.position >= data.duration - 0.05) this.seek(0);
    try { await this.audio.play(); } catch (error) { if (error.name !== 'AbortError') throw error; }
  }

  // Where a browser has no Web Audio, it is heard left and right, and muting is not possible.
  mix() {
    if (this.nodes || !window.AudioContext) { if (this.nodes) this.nodes.context.resume(); return; }
    const context = new AudioContext();
    const split = context.createChannelSplitter(2);
    context.createMediaElementSource(this.audio).connect(split);
    this.nodes = { context };
    ['caller', 'parley'].forEach((side, channel) => {
      const gain = context.createGain();
      gain.channelCount = 1;
      gain.channelCountMode = 'explicit';
      gain.gain.value = this.gains[side];
      split.connect(gain, channel);
      gain.connect(context.destination);
      this.nodes[side] = gain;
    });
    context.resume();
  }

  hear(side, wanted) {
    this.gains[side] = wanted ? 1 : 0;
    if (this.nodes) this.nodes[side].gain.value = this.gains[side];
  }
}
