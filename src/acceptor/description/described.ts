/** What the description of the API is made of: the part of JSON Schema, OpenAPI and AsyncAPI that is used. */

export interface JsonSchema {
  $ref?: string;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
  const?: unknown;
  enum?: unknown[];
  type?: string | string[];
  format?: string;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  title?: string;
  description?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: boolean | JsonSchema;
  items?: JsonSchema;
}

export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required: boolean;
  description: string;
  schema: JsonSchema;
}

export type Content = Record<string, { schema?: JsonSchema }>;

export interface Answer {
  description: string;
  headers?: Record<string, { description: string; schema: JsonSchema }>;
  content?: Content;
}

export interface Operation {
  operationId: string;
  tags: string[];
  summary: string;
  description: string;
  security: Record<string, string[]>[];
  parameters?: Parameter[];
  requestBody?: { required: boolean; content: Content };
  responses: Record<string, Answer>;
}

export type PathItem = Partial<Record<'get' | 'post' | 'patch' | 'delete', Operation>>;

export interface OpenApi {
  openapi: string;
  info: { title: string; version: string; description: string; license: object };
  servers: { url: string; description: string }[];
  tags: { name: string; description: string }[];
  paths: Record<string, PathItem>;
  components: { schemas: Record<string, JsonSchema>; securitySchemes: Record<string, object> };
}

export interface FrameMessage {
  name: string;
  title: string;
  summary: string;
  contentType: string;
  payload: JsonSchema;
}

export interface AsyncApi {
  asyncapi: string;
  info: { title: string; version: string; description: string; license: object };
  defaultContentType: string;
  servers: Record<string, object>;
  channels: Record<string, object>;
  operations: Record<string, object>;
  components: { messages: Record<string, FrameMessage>; securitySchemes: Record<string, object> };
}
