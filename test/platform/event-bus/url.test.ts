import { expect, test } from 'vitest'
import { parseKafkaUrl } from '#platform/event-bus/url.ts'

test('a host and a port are enough', () => {
  expect(parseKafkaUrl('kafka://broker:9092')).toEqual({
    brokers: ['broker:9092'],
    namespace: 'waybill',
    partitions: 8,
    replication: -1,
    tls: false,
  })
})

test('brokers, namespace, partitions, copies, encryption and login are read', () => {
  const url =
    'kafka://way%40bill:p%3Ass@a:9092,b.example.com:9093,[::1]:9094/shop-eu?partitions=24&replication=3&tls=true'
  expect(parseKafkaUrl(`${url}&sasl=scram-sha-512`)).toEqual({
    brokers: ['a:9092', 'b.example.com:9093', '[::1]:9094'],
    namespace: 'shop-eu',
    partitions: 24,
    replication: 3,
    tls: true,
    login: { mechanism: 'SCRAM-SHA-512', username: 'way@bill', password: 'p:ss' },
  })
  expect(parseKafkaUrl('kafka://user:secret@a:9092/').login?.mechanism).toBe('PLAIN')
})

test.each([
  ['kafka://', 'must look like'],
  ['kafka:broker:9092', 'must look like'],
  ['kafka://broker', '"broker" is not host:port'],
  ['kafka://broker:9092,other', '"other" is not host:port'],
  ['kafka://broker:70000', '"broker:70000" is not host:port'],
  ['kafka://broker:9092/a/b', 'its path names topics'],
  ['kafka://broker:9092/waybill.eu', 'its path names topics'],
  ['kafka://broker:9092/?partitions=many', 'partitions is a number from 1 to 1000, not "many"'],
  ['kafka://broker:9092/?partitions=0', 'partitions is a number'],
  ['kafka://broker:9092/?replication=1.5', 'replication is a number'],
  ['kafka://broker:9092/?tls=yes', 'tls is true or false, not "yes"'],
  ['kafka://broker:9092/?ssl=true', 'it takes partitions, replication, tls, sasl, not "ssl"'],
  ['kafka://broker:9092/?sasl=PLAIN', 'sasl needs a user and a password'],
  ['kafka://user:secret@broker:9092/?sasl=kerberos', 'sasl is one of PLAIN'],
  ['kafka://secret@broker:9092/', 'a user and a password with a colon between'],
  ['kafka://user:%secret@broker:9092/', 'not percent-encoded'],
])('%s is refused: %s', (url, reason) => {
  expect(() => parseKafkaUrl(url)).toThrow(
    expect.objectContaining({ code: 'EVENT_BUS_URL_INVALID', message: expect.stringContaining(reason) }),
  )
  try {
    parseKafkaUrl(url)
  } catch (error) {
    expect(String(error)).toContain('EVENT_BUS_URL')
    expect(String(error)).not.toContain('secret')
  }
})
