# Plain heartbeats for workers in Ruby: the whole client. It needs the gem pg, and the statements of clients/numbered.
require "pg"
require "securerandom"
require "timeout"

class PlainBeats
  attr_reader :jobs, :beats, :failures

  # Beats from now on. While a job is at work, jobs[[job_id, attempted_at]] is what cancels it: cancel.call(cause).
  def initialize(url, client_id, interval: 10.0, river: "public", keeper: "riverkeeper", folder: "clients/numbered")
    @url, @client_id, @interval, @river, @instance = url, client_id, interval, river, SecureRandom.uuid
    @meta, @beat = %w[meta beat_plain].map do |name|
      File.read("#{folder}/#{name}.sql").gsub(/\briver\./, "#{river}.").gsub(/\bkeeper\./, "#{keeper}.")
    end
    @jobs, @beats, @failures, @logged = {}, 0, 0, []
    Thread.new { run }
  end

  private

  def run
    limits = "-c search_path=pg_catalog,pg_temp -c row_security=off -c statement_timeout=#{(@interval * 500).round}"
    connection, asked_at = nil, 0
    loop do
      began = now
      Timeout.timeout(@interval / 2) do # no answer may come
        connection, asked_at = PG.connect(@url, options: limits), -60 if connection.nil?
        asked_at = check(connection, began) if began - asked_at > 50
        tick(connection)
      end
      @beats, @logged = @beats + 1, []
    rescue StandardError => error # proves nothing: cancel nothing, and try again on a new connection
      @failures += 1
      warn("no heartbeat, jobs continue: #{error.message}") unless @logged.include?(error.class)
      @logged |= [error.class]
      connection = connection&.close
    ensure
      sleep([began + @interval * rand(0.9..1.0) - now, 0].max)
    end
  end

  def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

  def check(connection, now)
    row = connection.exec(@meta).values.first
    return now if row && row[0] == @river && row[1].to_i >= 2 && row[2].to_i <= 2
    raise "this keeper schema is not ours, or its version does not fit: #{row}"
  end

  def tick(connection)
    keys = @jobs.keys
    arrays = [keys.map(&:first), keys.map(&:last)].map { |values| "{#{values.join(",")}}" }
    connection.exec_params(@beat, [@instance, @client_id, "#{@interval} seconds", *arrays]).each_row do |ordinal, status|
      key = keys[ordinal.to_i - 1]
      cancel = %w[lost finished].include?(status) ? @jobs.delete(key) : @jobs[key]
      cancel&.call("claim_lost") if status == "lost"
      cancel&.call("stop_requested") if status == "stop" # every beat says so: let it cancel only once
    end
  end
end
