import { describe, expect, test } from "vitest";
import { TurnIds } from "./turn-ids";

/** Turn ids t1, t2 … and a clock controlled by the test. */
function turnIds() {
  const clock = { now: 0 };
  let count = 0;
  const ids = new TurnIds(
    () => clock.now,
    () => {
      count += 1;
      return `t${count}`;
    },
  );
  return { clock, ids };
}

describe("the id of a turn", () => {
  test("is reused when the same body follows a failed attempt", () => {
    const { ids } = turnIds();
    const first = ids.begin("hash");
    first.failed();

    expect([first.id, ids.begin("hash").id, ids.begin("hash").id]).toEqual(["t1", "t1", "t2"]);
  });

  test("differs for another body", () => {
    const { ids } = turnIds();
    ids.begin("hash").failed();

    expect(ids.begin("other").id).toBe("t2");
  });

  test("is new when the same body follows later", () => {
    const { ids, clock } = turnIds();
    ids.begin("hash").failed();
    clock.now = 20_001;

    expect(ids.begin("hash").id).toBe("t2");
  });

  test("is reused for five retries at most", () => {
    const { ids, clock } = turnIds();
    const sent = Array.from({ length: 8 }, () => {
      clock.now += 10_000;
      const attempt = ids.begin("hash");
      attempt.failed();
      return attempt.id;
    });

    expect(sent).toEqual(["t1", "t1", "t1", "t1", "t1", "t1", "t2", "t2"]);
  });

  test("has the format that the server accepts", () => {
    expect(new TurnIds().begin("hash").id).toMatch(/^[\w-]{8,64}$/);
  });
});
