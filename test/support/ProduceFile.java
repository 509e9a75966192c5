import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Sends files as records, compressed by Kafka's own client: java -cp LIBS ProduceFile.java BROKERS TOPIC CODEC FILE... */
public class ProduceFile {
  public static void main(String[] args) throws Exception {
    Map<String, Object> config = Map.of(
        ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, args[0],
        ProducerConfig.COMPRESSION_TYPE_CONFIG, args[2],
        ProducerConfig.LINGER_MS_CONFIG, 100,
        ProducerConfig.MAX_REQUEST_SIZE_CONFIG, 1 << 30);
    try (var producer = new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
      for (int i = 3; i < args.length; i++) {
        producer.send(new ProducerRecord<>(args[1], 0, null, Files.readAllBytes(Path.of(args[i]))));
      }
    }
  }
}
