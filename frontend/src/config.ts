/** What `/config.json` says of the stack this page is served by (`tools/ops/publish.py` writes it; `make dev` serves it). */
export interface RuntimeConfig {
  /** Path of the API on this page's origin. */
  apiUrl: string;
  /** OpenID issuer: Cognito's user pool. */
  authority: string;
  clientId: string;
  /** Origin of Cognito's sign-in pages; `/logout` is there. */
  signInDomain: string;
  redirectUri: string;
  /** ChatKit's domain key of this host name. */
  domainKey: string;
}

/** The configuration is missing or says something else than it should; the message names each fault. */
export class ConfigError extends Error {
  override name = "ConfigError";
}

type Check = (value: string) => boolean;

const isUrl: Check = (value) => /^https?:/.test(value) && URL.canParse(value);
const CHECKS: Record<keyof RuntimeConfig, Check> = {
  apiUrl: (value) => /^\/[^/]/.test(value),
  authority: isUrl,
  clientId: (value) => value !== "",
  signInDomain: isUrl,
  redirectUri: isUrl,
  domainKey: () => true, // empty: the plain chat
};

/** Return `value` as configuration. Throws ConfigError. */
export function checkedConfig(value: unknown): RuntimeConfig {
  const given = Object(value) as Record<string, unknown>;
  const faults = Object.entries(CHECKS).filter(([name, fits]) => {
    const field = given[name];
    return typeof field !== "string" || !fits(field);
  });
  if (faults.length > 0) throw new ConfigError(`config.json: ${faults.map(([name]) => name).join(", ")}`);
  return given as unknown as RuntimeConfig;
}

/** Fetch `/config.json`. Rejects with ConfigError, also when it cannot be had. */
export async function loadConfig(url = "/config.json"): Promise<RuntimeConfig> {
  const response = await fetch(url, { cache: "no-cache" }).catch((cause: unknown) => {
    throw new ConfigError("config.json: unreachable", { cause });
  });
  if (!response.ok) throw new ConfigError(`config.json: ${response.status}`);
  const value: unknown = await response.json().catch((cause: unknown) => {
    throw new ConfigError("config.json: not JSON", { cause });
  });
  return checkedConfig(value);
}
