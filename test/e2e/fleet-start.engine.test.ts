import { test } from 'vitest'
import { SUBGRAPHS } from '#start/layout.ts'
import { expectOneMigration } from '#test/fleet/starts.ts'

const ROUNDS = 3

for (let round = 1; round <= ROUNDS; round++)
  test(
    `four processes of every subgraph that start at one instant make what one makes (${round} of ${ROUNDS})`,
    () => expectOneMigration(SUBGRAPHS),
    300_000,
  )
