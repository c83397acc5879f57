package io.moka.moe;

import io.moka.kernels.RouterResult;
import java.util.Arrays;

/** How often each expert of each layer was chosen. Written by the thread that runs the model. */
public final class RoutingStats {
  private final int experts;
  private final long[][] counts;

  /**
   * Counts of zero.
   *
   * @param layers layers of the model, with experts or without
   * @param experts E
   */
  public RoutingStats(int layers, int experts) {
    this.experts = experts;
    this.counts = new long[layers][experts];
  }

  /**
   * Counts the choices of a step.
   *
   * @param layer layer from 0
   * @param routing what was chosen
   * @param rows T
   */
  public void record(int layer, RouterResult routing, int rows) {
    long[] counted = counts[layer];
    for (int row = 0; row < rows; row++) {
      for (int rank = 0; rank < routing.topK(); rank++) {
        counted[routing.expert(row, rank)]++;
      }
    }
  }

  /** Forgets everything. */
  public void reset() {
    for (long[] layer : counts) {
      Arrays.fill(layer, 0);
    }
  }

  /**
   * Layers of the model, those without experts included.
   *
   * @return the count
   */
  public int layers() {
    return counts.length;
  }

  /**
   * E.
   *
   * @return the count
   */
  public int experts() {
    return experts;
  }

  /**
   * How often an expert was chosen.
   *
   * @param layer layer from 0
   * @param expert its id
   * @return the count
   */
  public long count(int layer, int expert) {
    return counts[layer][expert];
  }

  /**
   * All choices of a layer.
   *
   * @param layer layer from 0
   * @return their count; 0 for a layer without experts
   */
  public long total(int layer) {
    long total = 0;
    for (long count : counts[layer]) {
      total += count;
    }
    return total;
  }

  /**
   * The share of the choices that fell on the busiest expert; 1/E is even.
   *
   * @param layer layer from 0
   * @return from 0 to 1; 0 where nothing was counted
   */
  public double maxShare(int layer) {
    long highest = 0;
    for (long count : counts[layer]) {
      highest = Math.max(highest, count);
    }
    return highest == 0 ? 0 : (double) highest / total(layer);
  }

  /**
   * The entropy of the choices, divided by that of an even spread: 1 is even, 0 is one expert for
   * all.
   *
   * @param layer layer from 0
   * @return from 0 to 1; 0 where nothing was counted
   */
  public double evenness(int layer) {
    double total = total(layer);
    double entropy = 0;
    for (long count : counts[layer]) {
      if (count > 0) {
        entropy -= count / total * Math.log(count / total);
      }
    }
    return experts < 2 ? 0 : entropy / Math.log(experts);
  }

  /**
   * Experts that were never chosen.
   *
   * @param layer layer from 0
   * @return the count
   */
  public int unused(int layer) {
    int unused = 0;
    for (long count : counts[layer]) {
      unused += count == 0 ? 1 : 0;
    }
    return unused;
  }
}
