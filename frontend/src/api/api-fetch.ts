/** `fetch` for this app's API and for uploads: token, body hash, turn id, renewal. ChatKit's `api.fetch` is one. */
export type ApiFetch = (url: string, init?: RequestInit) => Promise<Response>;
