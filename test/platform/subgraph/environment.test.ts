import { expect, test } from 'vitest'
import { z } from 'zod'
import { readConfig } from '#platform/config/config.ts'
import { subgraphVariables } from '#platform/subgraph/environment.ts'

const { READ_MODELS_URL } = subgraphVariables
const schema = z.object({ READ_MODELS_URL })

test.each([
  'postgres://user:password@db:5432/orders',
  'mongodb://mongo/orders',
  'mongodb://user:password@mongo-1:27017,mongo-2:27017/orders?replicaSet=rs0&w=majority',
  'mongodb://mongo-1:27017,mongo-2:27018',
  'mongodb+srv://user:password@cluster.example.com/orders',
])('views may be kept at %s', url => {
  expect(readConfig(schema, { READ_MODELS_URL: url })).toEqual({ READ_MODELS_URL: url })
})

test.each([
  'mysql://db/orders',
  'mongodb://',
  'mongodb://mongo-1:27017,/orders',
  'mongodb://user:hidden@mongo-1:27017,mongo-2:port/orders',
  'orders',
])('views at %s are refused by the name of the variable, without the password', url => {
  const read = () => readConfig(schema, { READ_MODELS_URL: url })
  expect(read).toThrow(/READ_MODELS_URL: holds ".*"; should hold a URL such as postgres:.* or mongodb:/)
  expect(read).not.toThrow('hidden')
})
