import { expect, test } from 'vitest'
import { readStartSettings } from '#start/settings.ts'
import { type Deployment, environmentOf, SERVICE_NAMES } from '#start/topology.ts'

const BUS = 'postgres://bus@127.0.0.1:5432/bus'

function machineWith(sharedEnv: Readonly<Record<string, string>>): Deployment {
  const databases = { orders: '', inventory: '', payment: '', shipping: '', bus: BUS }
  const auth = { authDirectory: '', jwks: '', issuer: '', audience: '' }
  const secrets = { payment: '', carrier: '' }
  return { host: '127.0.0.1', portBase: 4000, databaseUrls: databases, ...auth, secrets, sharedEnv }
}

test('every service gets the configured event bus, or the embedded one by default', () => {
  const url = 'kafka://127.0.0.1:9092/?partitions=4'
  const told = machineWith(readStartSettings({ EVENT_BUS_URL: url }).sharedEnv)
  const untold = machineWith(readStartSettings({}).sharedEnv)
  for (const name of SERVICE_NAMES) {
    expect(environmentOf(told, name).EVENT_BUS_URL).toBe(url)
    expect(environmentOf(untold, name).EVENT_BUS_URL).toBe(BUS)
  }
})

test('an invalid bus URL is refused with the variable’s name and without the password', () => {
  const start = () => readStartSettings({ EVENT_BUS_URL: 'kafka://user:secret@broker:9092/?partitions=x' })
  expect(start).toThrow(/EVENT_BUS_URL: holds .*partitions is a number from 1 to 1000, not "x"/s)
  expect(start).not.toThrow(/secret/)
  expect(() => readStartSettings({ EVENT_BUS_URL: 'amqp://broker' })).toThrow(/postgres:\/\/… or kafka:\/\/…/)
})

test('orders gets WORKFLOW_URL when it is set', () => {
  const url = 'temporal://127.0.0.1:7233/default'
  const told = machineWith(readStartSettings({ WORKFLOW_URL: url }).sharedEnv)
  expect(environmentOf(told, 'orders').WORKFLOW_URL).toBe(url)
  expect(readStartSettings({}).sharedEnv).not.toHaveProperty('WORKFLOW_URL')
  expect(() => readStartSettings({ WORKFLOW_URL: 'http://127.0.0.1:7233' })).toThrow(/WORKFLOW_URL: holds/)
})
