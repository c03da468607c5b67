/** A WAV file of 16 bits. @module */

const HEADER_BYTES = 44;

/**
 * @param {Int16Array[]} pieces The samples in order, the channels' taking turns.
 * @param {number} rateHz
 * @param {number} channels
 * @returns {Blob}
 */
export function makeWav(pieces, rateHz, channels) {
  const bytes = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
  const view = new DataView(new ArrayBuffer(HEADER_BYTES));
  const name = (at, text) => [...text].forEach((c, n) => view.setUint8(at + n, c.charCodeAt(0)));
  name(0, "RIFF");
  view.setUint32(4, HEADER_BYTES - 8 + bytes, true);
  name(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, channels, true);
  view.setUint32(24, rateHz, true);
  view.setUint32(28, rateHz * channels * 2, true);
  view.setUint16(32, channels * 2, true);
  view.setUint16(34, 16, true);
  name(36, "data");
  view.setUint32(40, bytes, true);
  return new Blob([view.buffer, ...pieces], { type: "audio/wav" });
}
