// Lists the engines that tests can run on, by the name that a person types.
import { consul } from '#testbed/engines/consul.ts'
import type { Engine } from '#testbed/engines/engine.ts'
import { kafka } from '#testbed/engines/kafka.ts'
import { mongodb } from '#testbed/engines/mongodb.ts'
import { redis } from '#testbed/engines/redis.ts'
import { temporal } from '#testbed/engines/temporal.ts'

/** The engines in the order in which they are installed: the quick ones first. */
export const ENGINES: Readonly<Record<string, Engine>> = { redis, kafka, mongodb, temporal, consul }
