package io.moka.engine;

/** Why a text ended. */
public enum FinishReason {
  /** The model ended it with one of its end tokens. */
  STOP,
  /** One of the request's stop strings came. */
  STOP_STRING,
  /** The most tokens allowed, or the end of the context. */
  LENGTH,
  /** The caller cancelled it. */
  CANCELLED
}
