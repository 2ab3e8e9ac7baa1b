// Reads and checks the client's messages of the graphql-transport-ws protocol.
import { MessageType } from 'graphql-ws'
import { isObject, parseJson, type UnknownObject } from '#platform/domain/json.ts'
import { type GraphqlRequest, readGraphqlRequest } from '#platform/graphql/live-server/graphql-request.ts'

export type ClientMessage =
  | { readonly type: MessageType.ConnectionInit; readonly payload: UnknownObject }
  | { readonly type: MessageType.Ping; readonly payload: UnknownObject | undefined }
  | { readonly type: MessageType.Pong }
  | { readonly type: MessageType.Subscribe; readonly id: string; readonly payload: GraphqlRequest }
  | { readonly type: MessageType.Complete; readonly id: string }

export type InvalidMessage = { readonly type: 'invalid'; readonly problem: string }

const MAX_ID = 128

/** An invalid message says what is wrong, briefly enough for a close frame. */
export function readMessage(text: string): ClientMessage | InvalidMessage {
  const message = parseJson(text)
  if (!isObject(message)) return invalid('it is not a JSON object')
  const { type, id, payload } = message
  switch (type) {
    case MessageType.ConnectionInit:
    case MessageType.Ping:
    case MessageType.Pong:
      return readControl(type, payload)
    case MessageType.Subscribe:
    case MessageType.Complete:
      if (typeof id !== 'string' || id === '' || id.length > MAX_ID)
        return invalid(`its id should be a text of 1 to ${MAX_ID} characters`)
      return type === MessageType.Complete ? { type, id } : readSubscribe(id, payload)
    default:
      return invalid('its type is not one that a client sends')
  }
}

type Control = MessageType.ConnectionInit | MessageType.Ping | MessageType.Pong

function readControl(type: Control, payload: unknown): ClientMessage | InvalidMessage {
  if (payload !== undefined && payload !== null && !isObject(payload))
    return invalid('its payload should be an object')
  if (type === MessageType.Pong) return { type }
  if (type === MessageType.Ping) return { type, payload: payload ?? undefined }
  return { type, payload: payload ?? {} }
}

function readSubscribe(id: string, payload: unknown): ClientMessage | InvalidMessage {
  const request = readGraphqlRequest(payload)
  return 'problem' in request
    ? invalid(request.problem)
    : { type: MessageType.Subscribe, id, payload: request }
}

function invalid(problem: string): InvalidMessage {
  return { type: 'invalid', problem }
}
