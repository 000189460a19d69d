// @vitest-environment node
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ConfigError, checkedConfig, loadConfig, type RuntimeConfig } from "./config";
import { json, LocalServer } from "./testing/local-server";

const GOOD: RuntimeConfig = {
  apiUrl: "/chatkit",
  authority: "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_pool",
  clientId: "client",
  signInDomain: "https://chat.auth.eu-west-1.amazoncognito.com",
  redirectUri: "https://chat.example.com/",
  domainKey: "",
  idleTimeoutMinutes: 0,
};

describe("the configuration", () => {
  test("is accepted when it is complete", () => {
    expect(checkedConfig(GOOD)).toEqual(GOOD);
  });

  test("lists each invalid field when it is rejected", () => {
    const bad = { ...GOOD, apiUrl: "//evil.example", clientId: "", signInDomain: "javascript:alert(1)" };

    expect(() => checkedConfig(bad)).toThrow("config.json: apiUrl, clientId, signInDomain");
    for (const value of [null, "text", [], {}]) expect(() => checkedConfig(value)).toThrow(ConfigError);
  });
});

describe("loading the configuration", () => {
  let server: LocalServer;
  beforeEach(async () => {
    server = await LocalServer.start((_, response) => json(response, 200, GOOD));
  });
  afterEach(() => server.stop());

  test("returns it", async () => {
    expect(await loadConfig(`${server.url}/config.json`)).toEqual(GOOD);
  });

  test.each([
    ["is missing", 404, "", "config.json: 404"],
    ["is the HTML page", 200, "<!doctype html>", "config.json: not JSON"],
  ])("fails with the reason when it %s", async (_, status, body, message) => {
    server.handle = (_, response) => void response.writeHead(status).end(body);

    await expect(loadConfig(`${server.url}/config.json`)).rejects.toThrow(message);
  });

  test("fails with the reason when the connection breaks", async () => {
    server.handle = (_, response) => void response.destroy();

    await expect(loadConfig(`${server.url}/config.json`)).rejects.toThrow("config.json: unreachable");
  });
});
