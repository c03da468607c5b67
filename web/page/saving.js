/** Files to take along: the text, the sound, and the server's own recording. */

import { LONG_MS } from "../access.js";
import { dialog } from "./dialogs.js";
import { at } from "./element.js";
import { transcript } from "./transcript.js";

/** The dialog in which one asks for them. */
export function offerFiles({ talking, conversation, speaking, who, access, guarded, saved }) {
  const saving = dialog("saving", () => {
    at("save-text").disabled = !conversation.entries.length;
    at("save-sound").disabled = speaking.memory.isEmpty;
    at("save").disabled = !talking.recordingUrl;
  });
  const offer = (id, ending, make) => {
    const save = async () => {
      download(await make(), ending);
      saving.close();
      saved();
    };
    at(id).addEventListener("click", guarded(save));
  };
  offer("save-text", "md", () => new Blob([transcript(conversation.entries, who.found)]));
  offer("save-sound", "wav", () => speaking.memory.wav());
  offer("save", "mcap", () => fetchRecording(access, talking.recordingUrl));
}

/** A file from the browser's memory. @param {Blob} blob @param {string} ending */
function download(blob, ending) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `parley-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.${ending}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** A file for `parley show` and `parley replay`: all that happened, up to a second or two ago. */
async function fetchRecording(access, url) {
  return (await access.fetch(url, {}, LONG_MS)).blob();
}
