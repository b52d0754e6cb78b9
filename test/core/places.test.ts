import { beforeEach, describe, expect, test } from "vitest";
import { createPlaces, type Places } from "../../src/core/places.ts";
import { createManualClock, type ManualClock } from "../kit/manual-clock.ts";

let clock: ManualClock;
let places: Places;

beforeEach(() => {
  clock = createManualClock();
  places = createPlaces({ count: 16, clock });
});

/** Waits for places; answers whether that is over. */
function wait(): () => boolean {
  let isOver = false;
  void places.worthFilling().then(() => {
    isOver = true;
  });
  return () => isOver;
}

describe("places", () => {
  test("are worth filling at once while a quarter is free", async () => {
    places.take(12);
    const isOver = wait();
    await clock.advance(0);
    expect(isOver()).toBe(true);
    expect(places.free()).toBe(4);
  });

  test("are worth filling as soon as a quarter has become free", async () => {
    places.take(16);
    const isOver = wait();
    for (let given = 1; given <= 4; given++) {
      await clock.advance(0);
      expect(isOver()).toBe(false);
      places.giveBack();
    }
    await clock.advance(0);
    expect(isOver()).toBe(true);
  });

  test("are worth filling after 5 ms where only few become free: the others may hang", async () => {
    places.take(16);
    const isOver = wait();
    await clock.advance(60_000);
    expect(isOver()).toBe(false);
    places.giveBack();
    await clock.advance(4);
    expect(isOver()).toBe(false);
    await clock.advance(1);
    expect(isOver()).toBe(true);
  });

  test("are worth filling after 5 ms where few are free and nothing ends", async () => {
    places.take(15);
    const isOver = wait();
    await clock.advance(5);
    expect(isOver()).toBe(true);
  });

  test("let whoever waits go on once they are released, and whoever comes after", async () => {
    places.take(16);
    const isOver = wait();
    await clock.advance(0);
    places.release();
    await clock.advance(0);
    expect(isOver()).toBe(true);
    const isOverToo = wait();
    await clock.advance(5);
    expect(isOverToo()).toBe(true);
  });

  test("of which there are fewer than four are filled one by one", async () => {
    places = createPlaces({ count: 1, clock });
    places.take(1);
    const isOver = wait();
    places.giveBack();
    await clock.advance(0);
    expect(isOver()).toBe(true);
  });
});
