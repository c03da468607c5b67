/**
 * Which microphones and loudspeakers there are. Browsers tell their names only to a page that was
 * allowed the microphone; before that the lists are empty, or without names.
 */

import { within } from "./deadline.js";

const ANSWER_MS = 3000;

/** @returns {Promise<{microphones: Device[], loudspeakers: Device[]}>} A Device is {id, name}. */
export async function listDevices() {
  const asked = navigator.mediaDevices?.enumerateDevices?.() ?? Promise.resolve([]);
  const all = await within(asked, ANSWER_MS, "the browser does not name its devices");
  const named = (kind) =>
    all
      .filter((device) => device.kind === kind && device.deviceId && device.label)
      .map((device) => ({ id: device.deviceId, name: device.label }));
  return { microphones: named("audioinput"), loudspeakers: named("audiooutput") };
}

/** Have `react` called whenever a device comes or goes. */
export function onDeviceChange(react) {
  navigator.mediaDevices?.addEventListener?.("devicechange", react);
}
