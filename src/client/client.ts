/** What users of conduit-broker-client see; `conduit-broker/client` is the same. */
export type { StartAt } from './client-frames.js';
export { type Codec, json, type Part } from './codec.js';
export {
  type ClientEvents,
  type ClientState,
  ConduitClient,
  connect,
  type RequestOptions,
  type StatusEvent,
} from './conduit-client.js';
export { type ClientErrorCode, ConduitError } from './conduit-error.js';
export { type AckOptions, ConduitMessage, type NackOptions } from './conduit-message.js';
export {
  ConduitSubscription,
  type ConduitSubscriptionEvents,
} from './conduit-subscription.js';
export type { ConnectOptions, ReconnectOptions, Secret } from './connect-options.js';
export type { ConduitSubscriptionState } from './hosted-subscription.js';
export {
  type DeferOptions,
  type DeferResult,
  PublishBatchError,
  type PublishItem,
  type PublishOptions,
  type PublishResult,
} from './publish-options.js';
export type { WebSocketClass } from './socket.js';
export type { ConduitSubscribeOptions } from './subscribe-options.js';
