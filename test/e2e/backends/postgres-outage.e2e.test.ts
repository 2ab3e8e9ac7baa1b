// Checks that a service is not ready while its PostgreSQL is unreachable, and recovers. startup-wait.int.test.ts covers the start.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { startServices } from '#start/services.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { createTcpProxy } from '#test/fixtures/tcp-proxy.ts'

test('a service is not ready while its events or its views are unreachable, and is again afterwards without a restart', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'waybill-away-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const issuer = await openEmbeddedIssuer(folder)
  await using events = await createTcpProxy(await freshDatabase())
  await using views = await createTcpProxy(await freshDatabase())
  await Promise.all([events.open(), views.open()])
  const env = {
    PORT: '0',
    LOG_LEVEL: 'error',
    AUTH_JWKS_URL: issuer.jwks.href,
    AUTH_ISSUER: issuer.issuer,
    AUTH_AUDIENCE: issuer.audience,
    AUTH_EMBEDDED_DIR: folder,
    DATABASE_URL: events.url,
    READ_MODELS_URL: views.url,
    EVENT_BUS_URL: await freshDatabase(),
  }
  await using running = await startServices([{ name: 'inventory', env }])
  const ready = async () => {
    const reply = await fetch(`${running.services[0]?.url}/health/ready`)
    return { code: reply.status, ...JSON.parse(await reply.text()) }
  }
  await expect.poll(ready).toMatchObject({ code: 200 })
  for (const [door, name] of [
    [events, 'event-store'],
    [views, 'read-models'],
  ] as const) {
    await door.close()
    const gone = { code: 503, status: 'unavailable', dependencies: { [name]: { ok: false } } }
    await expect.poll(ready).toMatchObject(gone)
    await door.open()
    await expect.poll(ready).toMatchObject({ code: 200, status: 'ok' })
  }
})
