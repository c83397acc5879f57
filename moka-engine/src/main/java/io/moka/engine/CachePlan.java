package io.moka.engine;

import io.moka.ModelException;
import io.moka.RequestException;
import io.moka.checkpoint.Checkpoint;
import io.moka.checkpoint.ModelConfig;
import io.moka.checkpoint.ModelTensors;
import io.moka.kernels.KvCache;
import io.moka.kernels.KvType;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * How large a cache is made. Memory is taken only as a text grows; the plan keeps it from growing
 * into what the machine does not have.
 *
 * @param contextLength the longest sequence
 * @param blocks blocks of the cache
 * @param notice what a user should know, where memory made the context shorter than the model's
 */
public record CachePlan(int contextLength, int blocks, Optional<String> notice) {
  /** Sequences of full length that the cache has room for, where memory allows. */
  private static final int FULL_SEQUENCES = 8;

  private static final double GIB = 1 << 30;

  /**
   * How keys and values are best stored where nobody says.
   *
   * @param checkpoint the model
   * @return F16 beside quantised weights, which cost more than it does; F32 beside float ones
   */
  public static KvType suitedType(Checkpoint checkpoint) {
    return ModelTensors.areQuantised(checkpoint) ? KvType.F16 : KvType.F32;
  }

  /**
   * Plans a cache.
   *
   * @param config the model
   * @param type how keys and values are stored
   * @param requested the context length wanted; empty for as much of the model's as fits
   * @param freeBytes memory that is free; at most three quarters of it are used
   * @return the plan
   * @throws RequestException when the context wanted is longer than the model's, or does not fit
   * @throws ModelException when not even one block fits
   */
  public static CachePlan of(
      ModelConfig config, KvType type, OptionalInt requested, long freeBytes) {
    int longest = config.maxPositionEmbeddings();
    int wanted = requested.orElse(longest);
    if (wanted < 1 || wanted > longest) {
      throw new RequestException(
          "The context length must be from 1 to the model's " + longest + ", not " + wanted);
    }
    long blockBytes = blockBytes(config, type);
    long affordable = affordable(freeBytes, blockBytes);
    int needed = Sequence.blocksFor(wanted);
    if (needed <= affordable) {
      long blocks = Math.min(affordable, (long) FULL_SEQUENCES * needed);
      return new CachePlan(wanted, (int) Math.min(blocks, Integer.MAX_VALUE), Optional.empty());
    }
    int fits = (int) Math.min(Integer.MAX_VALUE, affordable * KvCache.BLOCK_TOKENS);
    String shortage =
        "%,d tokens of context take %.1f GiB of keys and values as %s, and %.1f GiB are free"
            .formatted(wanted, needed * (double) blockBytes / GIB, type, freeBytes / GIB);
    if (requested.isPresent()) {
      throw new RequestException(shortage + "; at most " + fits + " tokens fit");
    }
    if (fits == 0) {
      throw new ModelException(shortage + "; free some memory, or choose a smaller model");
    }
    return new CachePlan(
        fits, (int) affordable, Optional.of(shortage + "; the context is cut to " + fits));
  }

  /**
   * Checks that a cache of a given size fits, by the same measure.
   *
   * @param config the model
   * @param type how keys and values are stored
   * @param blocks blocks of the cache
   * @param freeBytes memory that is free
   * @throws RequestException when it does not fit
   */
  static void requireRoom(ModelConfig config, KvType type, long blocks, long freeBytes) {
    long blockBytes = blockBytes(config, type);
    if (blocks > Math.min(Integer.MAX_VALUE, affordable(freeBytes, blockBytes))) {
      throw new RequestException(
          "Keys and values of the texts asked for take %.1f GiB as %s, and %.1f GiB are free; %s"
              .formatted(
                  blocks * (double) blockBytes / GIB,
                  type,
                  freeBytes / GIB,
                  "take fewer or shorter texts"));
    }
  }

  private static long blockBytes(ModelConfig config, KvType type) {
    return config.numHiddenLayers()
        * KvCache.blockBytes(type, config.numKeyValueHeads(), config.headDim());
  }

  private static long affordable(long freeBytes, long blockBytes) {
    return freeBytes / 4 * 3 / blockBytes;
  }
}
