/** The content of `/config.json`: the stack that serves this page. `make publish` writes it, `make dev` serves it. */
export interface RuntimeConfig {
  /** Path of the API on this origin. */
  apiUrl: string;
  /** OpenID issuer: Cognito's user pool. */
  authority: string;
  clientId: string;
  /** Origin of Cognito's sign-in pages; `/logout` is there. */
  signInDomain: string;
  redirectUri: string;
  /** ChatKit's domain key for this host name. */
  domainKey: string;
}

/** The configuration is missing or invalid. The message lists the invalid fields. */
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
  domainKey: () => true, // an empty key selects the plain chat
};

/** Validate `value` as configuration. Throws ConfigError. */
export function checkedConfig(value: unknown): RuntimeConfig {
  const given = Object(value) as Record<string, unknown>;
  const faults = Object.entries(CHECKS).filter(([name, fits]) => {
    const field = given[name];
    return typeof field !== "string" || !fits(field);
  });
  if (faults.length > 0) throw new ConfigError(`config.json: ${faults.map(([name]) => name).join(", ")}`);
  return given as unknown as RuntimeConfig;
}

/** Fetch and validate `/config.json`. Rejects with ConfigError. */
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
