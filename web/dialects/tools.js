/** What dialects A, B and C tell of tools, agents and transfers, spelled alike: `tools=told`. And by
 * which ticket the conversation goes on over another connection: `resume`. */

/** The events that a message means; none where it is about something else. */
export function toolEvents(message) {
  const { type, id, name } = message;
  switch (type) {
    case "tool_call":
      return [{ type: "toolcall", id, name, arguments: message.arguments }];
    case "tool_result":
      return [{ type: "toolresult", id, name, outcome: message.outcome, output: message.output,
        ms: message.ms }];
    case "agent":
      return [{ type: "agent", name, voice: message.voice }];
    case "transfer":
      return [{ type: "transfer", to: message.to }];
    case "resume":
      return [ticket(message)];
    default:
      return []; // what a later server says more
  }
}

/** The event of a message that brings a ticket. */
export const ticket = ({ ticket, resumed, why = "" }) => ({ type: "ticket", ticket, resumed, why });
