/** Files to take along: the text, the sound, and the server's own recording. */

/** A file from the browser's memory. @param {Blob} blob @param {string} ending */
export function download(blob, ending) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `parley-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.${ending}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** A file for `parley show` and `parley replay`: all that happened, up to a second or two ago. */
export async function fetchRecording(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error((await answer.json()).error);
  return answer.blob();
}
