package io.moka.model;

import io.moka.checkpoint.ModelConfig;
import io.moka.kernels.RouterResult;
import io.moka.kernels.Rows;
import io.moka.moe.MoePath;
import io.moka.moe.MoeWorkspace;
import java.lang.foreign.Arena;

/** The activations of a step; made for a number of rows and reused until a batch is larger. */
final class Workspace implements AutoCloseable {
  private final Arena arena = Arena.ofShared();

  final int capacity;

  /** [T, D]: the residual stream. */
  final Rows hidden;

  /** [T, D]: what a block reads. */
  final Rows normed;

  /** [T, D]: what a block adds. */
  final Rows delta;

  /** [T, (H + 2 K) d], and its three parts. */
  final Rows qkv;

  final Rows queries;
  final Rows keys;
  final Rows values;

  /** [T, H d]. */
  final Rows attention;

  /** [T, d]: cosines and sines. */
  final Rows angles;

  /** [T, D]: normed final states of the rows that want logits. */
  final Rows finals;

  final MoeWorkspace moe;

  /** Every row to the one MLP of a layer without experts. */
  final RouterResult plain;

  /** What forced random routing draws from: position and token. */
  final long[] rowKeys;

  Workspace(ModelConfig config, MoePath path, int rows) {
    capacity = rows;
    int head = config.headDim();
    int query = config.numAttentionHeads() * head;
    int key = config.numKeyValueHeads() * head;
    hidden = Rows.allocate(arena, rows, config.hiddenSize());
    normed = Rows.allocate(arena, rows, config.hiddenSize());
    delta = Rows.allocate(arena, rows, config.hiddenSize());
    qkv = Rows.allocate(arena, rows, query + 2 * key);
    queries = qkv.columns(0, query);
    keys = qkv.columns(query, key);
    values = qkv.columns(query + key, key);
    attention = Rows.allocate(arena, rows, query);
    angles = Rows.allocate(arena, rows, head);
    finals = Rows.allocate(arena, rows, config.hiddenSize());
    ModelConfig.Moe moeConfig = config.moe();
    moe =
        new MoeWorkspace(
            arena,
            path,
            rows,
            moeConfig.numExperts(),
            moeConfig.numExpertsPerTok(),
            config.hiddenSize(),
            moeConfig.moeIntermediateSize());
    plain = new RouterResult(rows, 1);
    for (int row = 0; row < rows; row++) {
      plain.set(row, 0, 0, 1);
    }
    rowKeys = new long[rows];
  }

  @Override
  public void close() {
    arena.close();
  }
}
