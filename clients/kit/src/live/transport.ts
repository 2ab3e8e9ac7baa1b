// The ways by which subscriptions come.
export type Transport = 'websocket' | 'sse'
