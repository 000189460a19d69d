import { useSyncExternalStore } from "react";

/** A preference of the user, stored in localStorage. Never use it for secrets. */
export interface Preference<T extends string> {
  get(): T;
  set(value: T): void;
  subscribe(listener: () => void): () => void;
}

/** Return the preference stored under `key`. A stored value outside of `values` counts as not set. */
export function createPreference<T extends string>(
  key: string,
  values: readonly T[],
  fallback: () => T,
): Preference<T> {
  const listeners = new Set<() => void>();
  let current = values.find((value) => value === stored(key)) ?? fallback();
  return {
    get: () => current,
    set(value) {
      current = value;
      keep(key, value);
      for (const listener of listeners) listener();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

export function usePreference<T extends string>(preference: Preference<T>): [T, (value: T) => void] {
  return [useSyncExternalStore(preference.subscribe, preference.get), preference.set];
}

function stored(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // storage is disabled: the choice lasts until the page closes
  }
}

function keep(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // see `stored`
  }
}
