# The plain client in Ruby behind the conformance protocol (CONTRACT.md, "Test your client").
require "json"
require_relative "../plain_beats"

options = ARGV.each_slice(2).to_h
lock = Mutex.new
say = lambda do |event, fields|
  lock.synchronize { $stdout.puts({ event: event, **fields }.to_json) || $stdout.flush }
end
beats = PlainBeats.new(
  options["-database-url"], options["-client-id"], interval: options["-interval"].to_f, river: options["-river-schema"],
  keeper: options["-keeper-schema"], folder: "#{__dir__}/../../numbered"
)
at_work = Hash.new { |all, job_id| all[job_id] = [] } # by job id, the oldest attempt first
say.call("ready", {})
$stdin.each_line do |line|
  command = JSON.parse(line, symbolize_names: true)
  claim = command.slice(:job_id, :attempt, :attempted_at)
  case command[:do]
  when "start"
    work = { claim: claim, cause: nil }
    at_work[claim[:job_id]] << work
    beats.jobs[[claim[:job_id], claim[:attempted_at]]] = lambda do |cause|
      next if work[:cause]

      work[:cause] = cause
      say.call("cancelled", { **claim, cause: cause })
    end
    say.call("begun", claim)
  when "finish"
    work = at_work[claim[:job_id]].shift
    beats.jobs.delete([claim[:job_id], work[:claim][:attempted_at]])
    say.call("result", { **work[:claim], held: work[:cause] != "claim_lost", token: nil })
  when "stats" then say.call("stats", { stats: { beats: beats.beats, failures: beats.failures } })
  when "quit" then exit!
  end
end
