import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;

/**
 * Handwritten digits, classified by an exported model: all rows in one call, then one by one by a
 * bound call, which must give the same bits. Arguments: symbol file, parameter file, test.csv.
 */
public final class Digits {
  public static void main(String[] arguments) throws IOException {
    if (arguments.length != 3) {
      System.err.println("usage: Digits SYMBOL_FILE PARAMETER_FILE ROWS.csv");
      System.exit(1);
    }
    try (Mlpjit model = new Mlpjit(arguments[0], arguments[1]);
        Mlpjit.Bound call = model.bind()) {
      float[][] images = readRows(Path.of(arguments[2]));
      float[][] outputs = model.run(images);
      StringBuilder text = new StringBuilder();
      for (int i = 0; i < images.length; ++i) {
        float[] logits = outputs[i];
        if (!Arrays.equals(call.run(images[i]), logits)) { // the same bits, of NaN and -0 too
          throw new AssertionError("row " + (i + 1) + " alone has other bits");
        }
        text.append(model.classes().get(argmax(logits)));
        for (float logit : logits) {
          text.append(String.format(" %08X", Float.floatToRawIntBits(logit)));
        }
        text.append('\n');
      }
      System.out.print(text);
    }
  }

  /** The numbers of each line, without the first, the answer. */
  private static float[][] readRows(Path path) throws IOException {
    try (Stream<String> lines = Files.lines(path)) {
      return lines.map(Digits::readRow).toArray(float[][]::new);
    }
  }

  private static float[] readRow(String line) {
    String[] cells = line.split(",");
    float[] row = new float[cells.length - 1];
    for (int i = 0; i < row.length; ++i) {
      row[i] = Float.parseFloat(cells[i + 1]);
    }
    return row;
  }

  private static int argmax(float[] numbers) {
    int best = 0;
    for (int i = 1; i < numbers.length; ++i) {
      if (numbers[i] > numbers[best]) {
        best = i;
      }
    }
    return best;
  }
}
