/**
 * How rembus.python 0.8.12 reads a text frame (spec 3.3), as a small model made from that table: to
 * check that it takes what we write for what we mean.
 */
export type ReferenceReading =
  | { readonly is: "closed" }
  | {
    readonly is: "publish";
    readonly topic: unknown;
    readonly qos: number;
    readonly data: unknown;
  }
  | { readonly is: "rpc"; readonly topic: unknown; readonly data: unknown }
  | { readonly is: "identity"; readonly cid: unknown }
  | { readonly is: "admin"; readonly topic: unknown; readonly data: unknown }
  | { readonly is: "attestation"; readonly cid: unknown; readonly signature: unknown }
  | {
    readonly is: "register";
    readonly cid: unknown;
    readonly pin: unknown;
    readonly key: unknown;
    readonly keyType: unknown;
  }
  | { readonly is: "unregister" }
  | { readonly is: "response"; readonly status: unknown; readonly data: unknown }
  | { readonly is: "ack" }
  | { readonly is: "ack2" };

type Members = Record<string, unknown>;

const CLOSED: ReferenceReading = { is: "closed" };

/** What 0.8.12 makes of a text frame. */
export function readAsReference(text: string): ReferenceReading {
  const frame: unknown = JSON.parse(text);
  if (!isObject(frame)) return CLOSED;
  const { id, method: topic, params, result, error, data = null } = frame;
  if (!id) return { is: "publish", topic, qos: 0, data };
  if (Array.isArray(params)) return { is: "rpc", topic, data: params };
  if (isObject(params)) return readRequest(topic, params, data);
  if (params !== undefined) return CLOSED;
  if (isObject(result) && Object.keys(result).length > 0) return readAnswer(result);
  if (isObject(error) && Object.keys(error).length > 0) return readAnswer(error);
  return CLOSED;
}

function readRequest(topic: unknown, params: Members, data: unknown): ReferenceReading {
  switch (params["type"]) {
    case 16:
      return { is: "publish", topic, qos: 1, data };
    case 48:
      return { is: "publish", topic, qos: 2, data };
    case 0:
      return { is: "identity", cid: params["cid"] };
    case 3:
      return { is: "admin", topic, data: params["data"] };
    case 11:
      return { is: "attestation", cid: topic, signature: params["signature"] };
    case 10: {
      const { pin, key_val: key, key_type: keyType } = params;
      return { is: "register", cid: topic, pin, key, keyType };
    }
    case 9:
      return { is: "unregister" };
    default:
      return CLOSED;
  }
}

function readAnswer({ type = 4, sts = 0, data = null }: Members): ReferenceReading {
  switch (type) {
    case 4:
      return { is: "response", status: sts, data };
    case 5:
      return { is: "ack" };
    case 6:
      return { is: "ack2" };
    default:
      return CLOSED;
  }
}

function isObject(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
