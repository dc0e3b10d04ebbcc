import scala.io.Source

/**
 * Handwritten digits, classified by an exported model: all rows in one call, then one by one by a
 * bound call, which must give the same bits. Arguments: symbol file, parameter file, test.csv.
 *
 * It uses ../java/Mlpjit.java: JNA's structs want public fields, which Scala does not have.
 */
object Digits {
  def main(arguments: Array[String]): Unit = arguments match {
    case Array(symbolFile, parameterFile, rowsFile) => classify(symbolFile, parameterFile, rowsFile)
    case _ =>
      Console.err.println("usage: Digits SYMBOL_FILE PARAMETER_FILE ROWS.csv")
      sys.exit(1)
  }

  private def classify(symbolFile: String, parameterFile: String, rowsFile: String): Unit =
    closing(new Mlpjit(symbolFile, parameterFile)) { model =>
      val images = readRows(rowsFile)
      val outputs = model.run(images)
      closing(model.bind()) { call =>
        for ((image, logits) <- images zip outputs) {
          val bits = logits.map(java.lang.Float.floatToRawIntBits)
          if (!call.run(image).map(java.lang.Float.floatToRawIntBits).sameElements(bits))
            sys.error(s"$rowsFile: a row alone has other bits")
          val label = model.classes.get(logits.indices.maxBy(logits(_)))
          println((label +: bits.map(b => f"$b%08X")).mkString(" "))
        }
      }
    }

  /** The numbers of each line, without the first, the answer. */
  private def readRows(path: String): Array[Array[Float]] = {
    val source = Source.fromFile(path)
    try source.getLines.map(_.split(',').tail.map(_.toFloat)).toArray
    finally source.close()
  }

  private def closing[A <: AutoCloseable, B](resource: A)(use: A => B): B =
    try use(resource)
    finally resource.close()
}
