import type { ApiFetch } from "../api/api-fetch";
import { getJson } from "../api/get-json";

/** A conversation that a search found. `snippet` has parts of the text, of which every second one matched. */
export interface FoundThread {
  thread_id: string;
  title: string | null;
  created_at: string;
  snippet: string[];
}

const MIN_LETTERS = 2;

/** Search the user's own conversations: the first hits of `GET /chatkit/search`, each conversation once. */
export async function findThreads(api: ApiFetch, apiUrl: string, query: string): Promise<FoundThread[]> {
  if (query.trim().length < MIN_LETTERS) return [];
  const url = `${apiUrl}/search?q=${encodeURIComponent(query.trim())}`;
  const { data } = await getJson<{ data: FoundThread[] }>(api, url, []).catch(() => ({ data: [] }));
  return data.filter((hit, at) => data.findIndex(({ thread_id }) => thread_id === hit.thread_id) === at);
}
