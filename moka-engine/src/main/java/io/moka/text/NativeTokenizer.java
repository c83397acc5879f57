package io.moka.text;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import io.moka.ModelException;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * One tokenizer of the native library (Hugging Face tokenizers).
 *
 * <p>A panic in native code ends the process, so only documents and texts that were checked before
 * may come here: see {@link TokenizerDocument} and {@link SplitExpression}.
 */
final class NativeTokenizer implements AutoCloseable {
  /** Encoding holds the read lock: the tokenizer must not be freed beneath it. */
  private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();

  private final String source;
  private long handle;

  NativeTokenizer(String source, String json) {
    this.source = source;
    NativeLibrary.require();
    try {
      handle = TokenizersLibrary.LIB.createTokenizerFromString(json);
    } catch (RuntimeException e) {
      throw new ModelException(source + " is no usable tokenizer: " + e.getMessage(), e);
    }
  }

  /** Ids of a text without unpaired surrogates, nothing added. */
  int[] encode(String text) {
    lock.readLock().lock();
    try {
      if (handle == 0) {
        throw new ModelException("The tokenizer of " + source + " is closed; open it anew");
      }
      long encoding = TokenizersLibrary.LIB.encode(handle, text, false);
      try {
        return narrow(TokenizersLibrary.LIB.getTokenIds(encoding));
      } finally {
        TokenizersLibrary.LIB.deleteEncoding(encoding);
      }
    } catch (ModelException e) {
      throw e;
    } catch (RuntimeException e) {
      throw new ModelException(source + " cannot encode this text: " + e.getMessage(), e);
    } finally {
      lock.readLock().unlock();
    }
  }

  private static int[] narrow(long[] ids) {
    int[] narrowed = new int[ids.length];
    for (int i = 0; i < ids.length; i++) {
      narrowed[i] = Math.toIntExact(ids[i]);
    }
    return narrowed;
  }

  @Override
  public void close() {
    lock.writeLock().lock();
    try {
      if (handle != 0) {
        TokenizersLibrary.LIB.deleteTokenizer(handle);
        handle = 0;
      }
    } finally {
      lock.writeLock().unlock();
    }
  }
}
