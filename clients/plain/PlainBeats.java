import java.nio.file.*;
import java.sql.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/** Plain heartbeats for workers in Java: the whole client. It needs the JDBC driver, and the statements of clients/numbered. */
public class PlainBeats extends Thread {
    public record Claim(long jobId, String attemptedAt) {}
    public final Map<Claim, Consumer<String>> jobs = new ConcurrentHashMap<>(); // at work, with what cancels it: accept(cause)
    public volatile long beats, failures;
    private final String url, clientId, river, meta, beat, instance = UUID.randomUUID().toString();
    private final int millis; // between beats
    private final Set<String> logged = new HashSet<>();

    /** Start it once. */
    public PlainBeats(String url, String clientId, int millis, String river, String keeper, Path folder) throws Exception {
        this.url = url; this.clientId = clientId; this.millis = millis; this.river = river;
        String texts = Files.readString(folder.resolve("meta.sql")) + "\0" + Files.readString(folder.resolve("beat_plain.sql"));
        texts = texts.replaceAll("\\$\\d", "?").replaceAll("\\briver\\.", river + ".").replaceAll("\\bkeeper\\.", keeper + ".");
        meta = texts.split("\0")[0]; beat = texts.split("\0")[1];
    }

    @Override
    public void run() {
        Properties settings = new Properties();
        settings.put("connectTimeout", "2"); // for each of two tries, with TLS and without
        settings.put("loginTimeout", "2");
        settings.put("options", "-c search_path=pg_catalog,pg_temp -c row_security=off -c statement_timeout=" + millis / 2);
        for (long began = System.nanoTime(); ; began = pause(began)) {
            try (Connection connection = DriverManager.getConnection(url, settings)) {
                connection.setNetworkTimeout(Runnable::run, millis / 2); // no answer may come
                for (long askedAt = began - 60_000_000_000L; ; began = pause(began)) {
                    if (began - askedAt > 50_000_000_000L) askedAt = check(connection, began);
                    tick(connection);
                    beats++; logged.clear();
                }
            } catch (Exception error) { // proves nothing: cancel nothing, and try again on a new connection
                failures++;
                if (logged.add("" + error.getMessage())) System.err.println("no heartbeat, jobs continue: " + error.getMessage());
            }
        }
    }

    private long pause(long began) {
        double due = began + millis * ThreadLocalRandom.current().nextDouble(900_000, 1_000_000);
        LockSupport.parkNanos((long) due - System.nanoTime());
        return System.nanoTime();
    }

    private long check(Connection connection, long now) throws SQLException {
        ResultSet row = connection.createStatement().executeQuery(meta);
        boolean fits = row.next() && row.getString(1).equals(river) && row.getInt(2) >= 2 && row.getInt(3) <= 2;
        if (!fits) throw new SQLException("this keeper schema is not ours, or its version does not fit");
        return now;
    }

    private void tick(Connection connection) throws SQLException {
        List<Claim> claims = List.copyOf(jobs.keySet());
        String ids = "{" + String.join(",", claims.stream().map(claim -> "" + claim.jobId()).toList()) + "}";
        String times = "{" + String.join(",", claims.stream().map(Claim::attemptedAt).toList()) + "}";
        try (PreparedStatement statement = connection.prepareStatement(beat)) {
            for (int i = 0; i < 5; i++) statement.setString(i + 1, List.of(instance, clientId, millis + " ms", ids, times).get(i));
            for (ResultSet row = statement.executeQuery(); row.next(); ) {
                Claim claim = claims.get(row.getInt(1) - 1);
                Consumer<String> cancel = row.getString(2).matches("lost|finished") ? jobs.remove(claim) : jobs.get(claim);
                String cause = Map.of("lost", "claim_lost", "stop", "stop_requested").get(row.getString(2));
                if (cancel != null && cause != null) cancel.accept(cause); // every beat says `stop`: cancel only once
            }
        }
    }
}
