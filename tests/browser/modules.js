
async () => {
  const { Resampler } = await import("./static/resample.js");
  const { PlaybackQueue } = await import("./static/queue.js");
  const { readWav, toBase64, fromBase64 } = await import("./static/samples.js");
  const { split } = await import("./static/page/heard.js");
  const { PlayedAccount } = await import("./static/played_account.js");
  const tone = (hz, rate, count) =>
    Float32Array.from({ length: count }, (_, n) => 0.5 * Math.sin((2 * Math.PI * hz * n) / rate));
  const rms = (x) => Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / x.length);
  const all = (pieces) => Float32Array.from(pieces.flatMap((piece) => [...piece]));
  const resampled = (from, to, hz, sizes) => {
    const resampler = new Resampler(from, to);
    const input = tone(hz, from, from);
    const out = [];
    for (let at = 0, n = 0; at < input.length; n++) {
      const size = sizes[n % sizes.length];
      out.push(resampler.push(input.subarray(at, at + size)));
      at += size;
    }
    out.push(resampler.flush());
    return all(out);
  };
  const found = {};
  for (const [from, to] of [[48000, 24000], [44100, 24000], [48000, 16000], [24000, 48000], [22050, 44100]]) {
    const whole = resampled(from, to, 440, [from]);
    const pieces = resampled(from, to, 440, [128, 1, 77, 960]);
    let apart = 0;
    for (let n = 0; n < whole.length - 1; n++) apart = Math.max(apart, Math.abs(whole[n] - pieces[n]));
    const ideal = tone(440, to, to);
    let wrong = 0;
    for (let n = 500; n < to - 500; n++) wrong = Math.max(wrong, Math.abs(whole[n] - ideal[n]));
    found[`${from}-${to}`] = { length: whole.length - to, same: Math.abs(pieces.length - whole.length) < 2, apart, wrong };
  }
  found.alias = rms(resampled(48000, 16000, 11000, [128]).subarray(500, 15000));

  const queue = new PlaybackQueue(1000);
  const pulled = [];
  const pull = (count) => { const out = new Float32Array(count); const n = queue.pull(out); pulled.push(...out); return n; };
  const said = (first, count) => Int16Array.from({ length: count }, (_, n) => first + n);
  queue.push(said(1000, 20), 1000);
  found.waits = pull(10);
  queue.push(said(1020, 80), 1000);
  found.first = pull(50);
  found.order = pulled.slice(10).every((v, n) => Math.abs(v - (1000 + n) / 32768) < 1e-6);
  queue.hold(true);
  pull(50);
  found.held = pull(50);
  queue.hold(false);
  queue.end();
  found.rest = pull(100);
  found.played = queue.played;
  found.gaps = queue.gaps;
  queue.push(said(1, 200), 1000);
  pull(50);
  queue.flush();
  pull(20);
  found.silent = pull(50);
  found.dropped = queue.dropped;

  found.split = [split("Well. I see it.", "Well. I"), split("a b", ""), split("a b", "a b"), split("a b", "a b c")];
  const bytes = Int16Array.from([0, 1, -1, 32767, -32768]);
  found.base64 = [...new Int16Array(fromBase64(toBase64(bytes)))];
  try { readWav(new ArrayBuffer(44)); } catch (error) { found.wav = error.message; }

  const account = (...steps) => {
    const told = [];
    const played = new PlayedAccount((ms, flushed) => told.push([ms, flushed]));
    for (const [what, ...given] of steps) played[what](...given);
    return told;
  };
  found.stopped = account(
    ["audio"], ["sound", "began", 0], ["sound", "playing", 150], ["sound", "flushed", 180],
    ["cut"], ["sound", "flushed", 180],
  );
  found.wholeLate = account(
    ["audio"], ["sound", "began", 0], ["sound", "ended", 500], ["whole"],
    ["audio"], ["sound", "began", 500], ["cut"], ["sound", "flushed", 620],
  );
  found.notCut = account(
    ["audio"], ["whole"], ["sound", "began", 0], ["sound", "flushed", 100],
    ["audio"], ["sound", "began", 100], ["cut"], ["sound", "flushed", 130],
  );
  return found;
}
