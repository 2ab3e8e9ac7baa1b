// Tests shipping as a process: it starts from its environment, survives being killed, and stops on a signal.
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { postJson } from '#test/fixtures/http-server.ts'
import { aShipment, followTopics, keyed, SERVICE, WEBHOOK_SECRET } from './shipping-fixture.ts'

const MAIN = fileURLToPath(import.meta.resolve('#subgraphs/shipping/main.ts'))
const CREATE = `mutation ($input: CreateShipmentInput!) { createShipment(input: $input) {
  ... on ShipmentCreated { shipment { id status } } } }`

test('a parcel booked before the process is killed is delivered after its restart', async () => {
  await using open = new AsyncDisposableStack()
  const directory = await mkdtemp(path.join(tmpdir(), 'waybill-shipping-'))
  open.defer(() => rm(directory, { recursive: true, force: true }))
  const issuer = await openEmbeddedIssuer(directory)
  const databaseUrl = await freshDatabase()
  const env = {
    PATH: process.env.PATH,
    PORT: '0',
    DATABASE_URL: databaseUrl,
    EVENT_BUS_URL: databaseUrl,
    AUTH_JWKS_URL: issuer.jwks.href,
    AUTH_ISSUER: issuer.issuer,
    AUTH_AUDIENCE: issuer.audience,
    AUTH_EMBEDDED_DIR: directory,
    CARRIER_WEBHOOK_SECRET: WEBHOOK_SECRET,
    CARRIER_SANDBOX_STEP_MS: '400',
  }
  const first = start(env, open)
  const url = await listening(first.stdout)
  const authorization = `Bearer ${await issuer.sign(SERVICE)}`
  const request = { query: CREATE, variables: keyed(aShipment()) }
  const response = await postJson(`${url}/graphql`, request, { authorization })
  expect(await response.json()).toMatchObject({
    data: { createShipment: { shipment: { status: 'LABELLED' } } },
  })
  first.kill('SIGKILL')
  await once(first, 'exit')

  const second = start(env, open)
  const exited = once(second, 'exit')
  await listening(second.stdout)
  const topic = await followTopics(databaseUrl, ['shipping'], open)
  await topic.published(({ type }) => type === 'ShipmentDelivered')
  expect(topic.messages.map(({ type }) => type)).toEqual([
    ...['ShipmentRequested', 'ShipmentLabelled', 'ShipmentDispatched'],
    ...['ShipmentTracked', 'ShipmentTracked', 'ShipmentDelivered'],
  ])
  second.kill('SIGTERM')
  expect(await exited).toEqual([0, null])
})

type Child = ChildProcessByStdio<null, Readable, null>

function start(env: NodeJS.ProcessEnv, open: AsyncDisposableStack): Child {
  const child = spawn(process.execPath, [MAIN], { stdio: ['ignore', 'pipe', 'inherit'], env })
  open.defer(() => void child.kill('SIGKILL'))
  return child
}

/** The address in the first log line that has one. */
async function listening(output: Readable): Promise<string> {
  for await (const line of createInterface(output)) {
    const { url }: { url?: string } = JSON.parse(line)
    if (url) return url
  }
  throw new Error('it ended without listening')
}
