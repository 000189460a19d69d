import { useSyncExternalStore } from "react";

/** A choice of the person at this browser, kept in localStorage; nothing secret is ever put there. */
export interface Preference<T extends string> {
  get(): T;
  set(value: T): void;
  subscribe(listener: () => void): () => void;
}

/** Return the preference kept under `key`; anything but one of `values` counts as not chosen. */
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
    return null; // storage is switched off: the choice lasts as long as the page
  }
}

function keep(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // as above
  }
}
