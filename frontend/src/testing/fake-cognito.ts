import { createHash } from "node:crypto";
import type { RuntimeConfig } from "../config";
import { json, LocalServer } from "./local-server";

/** Cognito's token and revocation endpoints over HTTP. Issues tokens a1, a2 … and records the requests. */
export class FakeCognito {
  readonly server: LocalServer;
  /** Error response of the token endpoint. Null to issue tokens. */
  refusal: { status: number; body: object } | null = null;
  readonly #held = new Map<string, Promise<void>>();
  #given = 0;

  private constructor(server: LocalServer) {
    this.server = server;
    server.handle = async ({ path, method, body }, response) => {
      const cors = { "access-control-allow-origin": "*", "access-control-allow-headers": "*" };
      if (method === "OPTIONS") return json(response, 200, {}, cors);
      await this.#held.get(path);
      if (path !== "/oauth2/token") return json(response, 200, {}, cors);
      if (this.refusal) return json(response, this.refusal.status, this.refusal.body, cors);
      return json(response, 200, this.#tokens(new URLSearchParams(body.toString())), cors);
    };
  }

  static async start(): Promise<FakeCognito> {
    return new FakeCognito(await LocalServer.start(() => undefined));
  }

  /** Hold requests for this path until the returned function is called. */
  holds(path: string): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held.set(path, promise);
    return resolve;
  }

  get config(): RuntimeConfig {
    return {
      apiUrl: "/chatkit",
      authority: "https://cognito-idp.eu-west-1.amazonaws.com/pool",
      clientId: "client",
      signInDomain: this.server.url,
      redirectUri: "http://localhost:3000/",
      domainKey: "",
      idleTimeoutMinutes: 0,
    };
  }

  /** The forms posted to the token endpoint. */
  get tokenRequests(): URLSearchParams[] {
    const posts = this.server.arrived.filter(({ path, method }) => path === "/oauth2/token" && method === "POST");
    return posts.map(({ body }) => new URLSearchParams(body.toString()));
  }

  #tokens(fields: URLSearchParams) {
    this.#given += 1;
    const first = fields.get("grant_type") === "authorization_code";
    return {
      access_token: `a${this.#given}`,
      id_token: idToken({ sub: "ada", email: "ada@example.com" }),
      token_type: "Bearer",
      expires_in: 3600,
      ...(first && { refresh_token: "r1" }),
    };
  }
}

/** An unsigned token. The page uses its claims only for display. */
export function idToken(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  return `${part({ alg: "RS256" })}.${part({ iat: now, exp: now + 3600, ...claims })}.signature`;
}

/** The challenge for a PKCE verifier (RFC 7636). */
export function challengeOf(verifier: string): string {
  return createHash("sha256").update(verifier).digest("base64url");
}
