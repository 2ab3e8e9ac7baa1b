import { test } from 'vitest'
import { SUBGRAPHS } from '#platform/subgraph/names.ts'
import { expectOneMigration } from '#test/fleet/concurrent-starts.ts'

const ROUNDS = 3

for (let round = 1; round <= ROUNDS; round++)
  test(
    `four processes of every subgraph that start at once create what one creates (${round} of ${ROUNDS})`,
    () => expectOneMigration(SUBGRAPHS),
    300_000,
  )
