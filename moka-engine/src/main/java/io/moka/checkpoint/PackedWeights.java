package io.moka.checkpoint;

import io.moka.ModelException;
import io.moka.checkpoint.PackedHead.Entry;
import io.moka.checkpoint.PackedKey.Form;
import io.moka.checkpoint.PackedKey.Kind;
import io.moka.checkpoint.TensorKey.Part;
import io.moka.weights.JoinedMatrix;
import io.moka.weights.PackedMatrix;
import io.moka.weights.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The weights of a packed file where they lie: views into the mapping, which its checkpoint owns.
 * Nothing is copied, and no page is touched before somebody computes with it.
 */
public final class PackedWeights {
  private final Map<PackedKey, PackedPiece> pieces = new HashMap<>();
  private final Map<PackedKey, Entry> entries;
  private final MemorySegment file;
  private final String where;

  private PackedWeights(MemorySegment file, String where, Map<PackedKey, Entry> entries) {
    this.file = file;
    this.where = where;
    this.entries = entries;
  }

  /** Holds a head against the configuration. */
  static PackedWeights match(
      MemorySegment file, String where, PackedHead head, ModelConfig config) {
    PackedWeights weights = new PackedWeights(file, where, head.entries());
    weights.match(config, head.bytes());
    return weights;
  }

  /** The table must be the one that the writer would have written, offset by offset. */
  private void match(ModelConfig config, long headBytes) {
    List<PackedPiece> expected = PackedPiece.of(config, this::format);
    if (entries.size() != expected.size()) {
      throw PackedHead.damaged(
          where, "it holds %d pieces, expected %d".formatted(entries.size(), expected.size()));
    }
    long end = headBytes;
    int index = 0;
    for (PackedKey key : entries.keySet()) {
      PackedPiece piece = expected.get(index++);
      if (!key.equals(piece.key())) {
        throw PackedHead.damaged(where, "it holds " + key + " in the place of " + piece.key());
      }
      end = match(piece, entries.get(key), PackedFormat.aligned(end));
      pieces.put(key, piece);
    }
    if (PackedFormat.aligned(end) != file.byteSize()) {
      throw PackedHead.damaged(
          where, "its pieces end at %d of %d bytes".formatted(end, file.byteSize()));
    }
  }

  private long match(PackedPiece piece, Entry entry, long begin) {
    WeightFormat format = piece.format();
    if (entry.format() != format || piece.columns() % format.blockElements() != 0) {
      throw PackedHead.damaged(
          where,
          "%s is of type %s, which does not fit its %d columns or its neighbours"
              .formatted(piece.key(), entry.format(), piece.columns()));
    }
    if (entry.rows() != piece.rows() || entry.columns() != piece.columns()) {
      throw PackedHead.damaged(
          where,
          "%s is [%d, %d], expected [%d, %d]"
              .formatted(
                  piece.key(), entry.rows(), entry.columns(), piece.rows(), piece.columns()));
    }
    // products of checked sizes: at most 2^30 rows of 2^20 columns
    long bytes = piece.bytes();
    if (entry.bytes() != bytes || entry.offset() != begin || bytes > file.byteSize() - begin) {
      throw PackedHead.damaged(
          where,
          "%s takes %d bytes from %d on, expected %d from %d, within %d"
              .formatted(
                  piece.key(), entry.bytes(), entry.offset(), bytes, begin, file.byteSize()));
    }
    return begin + bytes;
  }

  /** The format of a matrix's tensor, as far as the table goes. */
  private WeightFormat format(TensorKey key) {
    return entries.get(holder(key)).format();
  }

  /** The piece that a tensor lies in. */
  private PackedKey holder(TensorKey key) {
    PackedKey holder =
        switch (key.part()) {
          case EMBEDDING -> PackedKey.model(Kind.EMBEDDING);
          case FINAL_NORM -> PackedKey.model(Kind.FINAL_NORM);
          case HEAD -> PackedKey.model(Kind.HEAD);
          case ATTENTION_NORM -> PackedKey.layer(Kind.ATTENTION_NORM, key.layer());
          case WQ, WK, WV -> projection(key);
          case WO -> PackedKey.layer(Kind.OUTPUT, key.layer());
          case WQ_BIAS, WK_BIAS, WV_BIAS -> PackedKey.layer(Kind.QKV_BIAS, key.layer());
          case WO_BIAS -> PackedKey.layer(Kind.OUTPUT_BIAS, key.layer());
          case Q_NORM -> PackedKey.layer(Kind.Q_NORM, key.layer());
          case K_NORM -> PackedKey.layer(Kind.K_NORM, key.layer());
          case MLP_NORM -> PackedKey.layer(Kind.MLP_NORM, key.layer());
          case ROUTER -> PackedKey.layer(Kind.ROUTER, key.layer());
          case GATE, UP -> new PackedKey(Kind.GATE_UP, key.layer(), key.expert());
          case DOWN -> new PackedKey(Kind.DOWN, key.layer(), key.expert());
        };
    if (!entries.containsKey(holder)) {
      throw PackedHead.damaged(where, "it holds no " + holder);
    }
    return holder;
  }

  /** A projection lies in the piece that begins with it, or else in the one before. */
  private PackedKey projection(TensorKey key) {
    int index = key.part() == Part.WQ ? 0 : key.part() == Part.WK ? 1 : 2;
    while (index > 0 && !entries.containsKey(new PackedKey(Kind.QKV, key.layer(), index))) {
      index--;
    }
    return new PackedKey(Kind.QKV, key.layer(), index);
  }

  /** The piece that a tensor of the model lies in, alone or with others. */
  PackedPiece holding(TensorKey key) {
    return pieces.get(holder(key));
  }

  /** The pieces in the order of the file, with what the table says of them. */
  Map<PackedKey, Entry> entries() {
    return entries;
  }

  /**
   * The bytes of a piece.
   *
   * @param key which
   * @return a view, read-only
   * @throws IllegalArgumentException when the model has no such piece
   */
  public MemorySegment data(PackedKey key) {
    Entry entry = entries.get(key);
    if (entry == null) {
      throw new IllegalArgumentException(where + ": the model has no " + key);
    }
    return file.asSlice(entry.offset(), entry.bytes());
  }

  /**
   * A packed matrix.
   *
   * @param key of a matrix
   * @return a view
   * @throws IllegalArgumentException when the model has no such matrix
   */
  public PackedMatrix matrix(PackedKey key) {
    MemorySegment data = data(key);
    PackedPiece piece = pieces.get(key);
    if (key.kind().form() != Form.MATRIX && key.kind().form() != Form.JOINED) {
      throw new IllegalArgumentException(key + " is no packed matrix");
    }
    return new PackedMatrix(piece.format(), piece.rows(), piece.columns(), data);
  }

  /**
   * Gate and up of an expert.
   *
   * @param layer from 0
   * @param expert from 0; -1 for the MLP of a layer without experts
   * @param width F
   * @return a view
   */
  public JoinedMatrix gateUp(int layer, int expert, int width) {
    return new JoinedMatrix(matrix(new PackedKey(Kind.GATE_UP, layer, expert)), width);
  }

  /**
   * Query, key and value weights of a layer.
   *
   * @param layer from 0
   * @return one matrix for each run of one format
   */
  public List<PackedMatrix> projections(int layer) {
    List<PackedMatrix> parts = new ArrayList<>();
    for (int index = 0; index < 3; index++) {
      PackedKey key = new PackedKey(Kind.QKV, layer, index);
      if (entries.containsKey(key)) {
        parts.add(matrix(key));
      }
    }
    return parts;
  }

  /**
   * How much of the machine's memory the weights take when all of them are in use.
   *
   * @return bytes of the file
   */
  public long bytes() {
    return file.byteSize();
  }

  /**
   * What to call the model in messages.
   *
   * @return the file
   */
  public String source() {
    return where;
  }

  ModelException packedAlone(TensorKey key) {
    return new ModelException(
        where + ": holds " + holder(key) + " packed alone; use the model that it was made from");
  }
}
