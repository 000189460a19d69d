import { createContext } from "react";
import type { ActionConfig } from "./wire";

/** What the components of one card share. */
export interface Card {
  id: string;
  /** Names of fields that a Label of the card describes. */
  labelled: ReadonlySet<string>;
  act(action: ActionConfig, payload: unknown): void;
}

export const CardContext = createContext<Card>({ id: "", labelled: new Set(), act: () => {} });

/** An action's payload with the fields of the form it was fired from, by their names. */
export function payloadOf(action: ActionConfig, form: HTMLFormElement | null): unknown {
  if (!form) return action.payload;
  return { ...(action.payload as object | undefined), ...formValues(form) };
}

export function actionOf(value: unknown): ActionConfig | null {
  return typeof value === "object" && value !== null && "type" in value ? (value as ActionConfig) : null;
}

/** What is filled in, by the fields' names; a dot in a name makes an object of its own, as in ChatKit. */
function formValues(form: HTMLFormElement): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, value] of new FormData(form)) {
    const path = name.split(".");
    if (path.some((part) => part === "__proto__")) continue;
    const last = path.pop() ?? name;
    let place = values;
    for (const part of path) {
      place[part] ??= {};
      place = place[part] as Record<string, unknown>;
    }
    place[last] = value;
  }
  return values;
}
