/** How long a worklet may take to say that it is done: a context that was closed says nothing. */
const PATIENCE_MS = 200;

/**
 * Have a worklet's processor end. One that is cut off in the middle stays in memory, with its node.
 * @param {MessagePort} port
 * @param {*} order What it understands as the end.
 */
export async function over(port, order) {
  await new Promise((resolve) => {
    port.onmessage = resolve;
    setTimeout(resolve, PATIENCE_MS);
    port.postMessage(order);
  });
  port.onmessage = null;
  port.close();
}
