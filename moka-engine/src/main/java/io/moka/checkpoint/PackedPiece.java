package io.moka.checkpoint;

import io.moka.checkpoint.PackedKey.Kind;
import io.moka.checkpoint.TensorKey.Part;
import io.moka.weights.JoinedMatrix;
import io.moka.weights.PackedMatrix;
import io.moka.weights.WeightFormat;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * What a packed file holds under a key, and which tensors it is made of.
 *
 * @param key which piece
 * @param format how its numbers are stored
 * @param rows rows; of a join those of the packed matrix; 1 for vectors
 * @param columns columns
 * @param sources the tensors, in the order in which they lie in it
 */
record PackedPiece(
    PackedKey key, WeightFormat format, int rows, int columns, List<TensorKey> sources) {
  private static final List<Part> QKV = List.of(Part.WQ, Part.WK, Part.WV);
  private static final List<Part> QKV_BIAS = List.of(Part.WQ_BIAS, Part.WK_BIAS, Part.WV_BIAS);

  PackedPiece {
    sources = List.copyOf(sources);
  }

  /** Bytes of the piece; its columns are whole blocks. */
  long bytes() {
    return switch (key.kind().form()) {
      case VECTOR, TABLE -> format.bytes((long) rows * columns);
      case MATRIX, JOINED -> PackedMatrix.bytes(format, rows, columns);
    };
  }

  /**
   * The pieces of a model, in the order of the file.
   *
   * @param formats the format of each tensor that is a matrix
   */
  static List<PackedPiece> of(ModelConfig config, Function<TensorKey, WeightFormat> formats) {
    return new Plan(config, formats).pieces();
  }

  /** Lists pieces. */
  private static final class Plan {
    private final ModelConfig config;
    private final Map<TensorKey, List<Long>> shapes;
    private final Function<TensorKey, WeightFormat> formats;
    private final List<PackedPiece> pieces = new ArrayList<>();

    Plan(ModelConfig config, Function<TensorKey, WeightFormat> formats) {
      this.config = config;
      this.shapes = ModelTensors.of(config);
      this.formats = formats;
    }

    List<PackedPiece> pieces() {
      matrix(PackedKey.model(Kind.EMBEDDING), List.of(TensorKey.model(Part.EMBEDDING)));
      for (int layer = 0; layer < config.numHiddenLayers(); layer++) {
        attention(layer);
        mlp(layer);
      }
      vector(PackedKey.model(Kind.FINAL_NORM), List.of(TensorKey.model(Part.FINAL_NORM)));
      Part head = config.tieWordEmbeddings() ? Part.EMBEDDING : Part.HEAD;
      matrix(PackedKey.model(Kind.HEAD), List.of(TensorKey.model(head)));
      return pieces;
    }

    private void attention(int layer) {
      vector(Kind.ATTENTION_NORM, layer, List.of(Part.ATTENTION_NORM));
      List<TensorKey> projections = keys(layer, QKV);
      int first = 0;
      for (int end = 1; end <= projections.size(); end++) {
        if (end == projections.size() || !alike(projections.get(first), projections.get(end))) {
          matrix(new PackedKey(Kind.QKV, layer, first), projections.subList(first, end));
          first = end;
        }
      }
      if (config.attentionBias()) {
        vector(Kind.QKV_BIAS, layer, QKV_BIAS);
      }
      if (config.qkNorm()) {
        vector(Kind.Q_NORM, layer, List.of(Part.Q_NORM));
        vector(Kind.K_NORM, layer, List.of(Part.K_NORM));
      }
      matrix(PackedKey.layer(Kind.OUTPUT, layer), keys(layer, List.of(Part.WO)));
      if (config.attentionBias()) {
        vector(Kind.OUTPUT_BIAS, layer, List.of(Part.WO_BIAS));
      }
    }

    private boolean alike(TensorKey one, TensorKey other) {
      return formats.apply(one) == formats.apply(other);
    }

    private void mlp(int layer) {
      vector(Kind.MLP_NORM, layer, List.of(Part.MLP_NORM));
      if (config.isMoe(layer)) {
        matrix(PackedKey.layer(Kind.ROUTER, layer), keys(layer, List.of(Part.ROUTER)));
        for (int expert = 0; expert < config.moe().numExperts(); expert++) {
          expert(layer, expert);
        }
      } else {
        expert(layer, -1);
      }
    }

    private void expert(int layer, int expert) {
      TensorKey gate = TensorKey.expert(Part.GATE, layer, expert);
      TensorKey up = TensorKey.expert(Part.UP, layer, expert);
      int width = rows(gate);
      pieces.add(
          new PackedPiece(
              new PackedKey(Kind.GATE_UP, layer, expert),
              formats.apply(gate),
              JoinedMatrix.joinedRows(width),
              columns(gate),
              List.of(gate, up)));
      matrix(
          new PackedKey(Kind.DOWN, layer, expert),
          List.of(TensorKey.expert(Part.DOWN, layer, expert)));
    }

    private void matrix(PackedKey key, List<TensorKey> sources) {
      int rows = sources.stream().mapToInt(this::rows).sum();
      WeightFormat format = formats.apply(sources.getFirst());
      pieces.add(new PackedPiece(key, format, rows, columns(sources.getFirst()), sources));
    }

    private void vector(Kind kind, int layer, List<Part> parts) {
      vector(PackedKey.layer(kind, layer), keys(layer, parts));
    }

    private void vector(PackedKey key, List<TensorKey> sources) {
      int columns = sources.stream().mapToInt(this::columns).sum();
      pieces.add(new PackedPiece(key, WeightFormat.F32, 1, columns, sources));
    }

    private static List<TensorKey> keys(int layer, List<Part> parts) {
      return parts.stream().map(part -> TensorKey.layer(part, layer)).toList();
    }

    private int rows(TensorKey key) {
      return Math.toIntExact(shapes.get(key).getFirst());
    }

    private int columns(TensorKey key) {
      return Math.toIntExact(shapes.get(key).getLast());
    }
  }
}
