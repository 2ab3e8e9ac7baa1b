// The engines that tests can run on, by the name that a person types.
import { consul } from '#test/engines/consul.ts'
import type { Engine } from '#test/engines/engine.ts'
import { kafka } from '#test/engines/kafka.ts'
import { mongodb } from '#test/engines/mongodb.ts'
import { redis } from '#test/engines/redis.ts'
import { temporal } from '#test/engines/temporal.ts'

/** In the order in which they are got: the quick ones first. */
export const ENGINES: Readonly<Record<string, Engine>> = { redis, kafka, mongodb, temporal, consul }
