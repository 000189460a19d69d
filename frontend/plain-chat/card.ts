import { createContext } from "react";
import type { ActionConfig } from "./wire";

/** The context that the components of one widget share. */
export interface Card {
  id: string;
  /** Names of the fields that have a Label component. */
  labelled: ReadonlySet<string>;
  act(action: ActionConfig, payload: unknown): void;
}

export const CardContext = createContext<Card>({ id: "", labelled: new Set(), act: () => {} });

/** Return the action's payload merged with the values of its form. */
export function payloadOf(action: ActionConfig, form: HTMLFormElement | null): unknown {
  if (!form) return action.payload;
  return { ...(action.payload as object | undefined), ...formValues(form) };
}

export function actionOf(value: unknown): ActionConfig | null {
  return typeof value === "object" && value !== null && "type" in value ? (value as ActionConfig) : null;
}

/** Return the form's values by field name. A dot in a name nests objects, as in ChatKit. */
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
