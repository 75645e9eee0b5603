// The threads behind ThreadPool: how a job is handed out, how they wait for one, how they are started.
//
// Everything a job needs passes through one atomic word, the gate:
//
//     bits 63-32  number of the job
//     bits 31-16  present: helpers inside the job
//     bits 15-0   places: helpers that may still enter
//
// The owner writes the job, then opens the gate; a helper enters by taking a place, which makes it present, and leaves
// when no task is left. The owner works too; when no task is left it closes the gate (places = 0) and waits until
// nobody is present. A helper that wakes too late finds no place, and nobody has waited for it. Wake-ups are therefore
// about speed only: a job is finished even if no helper ever comes.

import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// All members are constant or atomic, save what the pointers name; it is used in place, through a pointer, by all
/// threads.
struct ThreadCrew: ~Copyable {
  struct Job {
    var body: ThreadPool.Body
    var context: UnsafeRawPointer
    var taskCount: Int
  }

  /// Written by the owner only.
  private struct Roster {
    var workerCount = 0
    /// Number of the current or last job.
    var jobNumber: UInt32 = 0
    /// Jobs to run before starting a thread is tried again; 0 unless the system refused one.
    var jobsToNextAttempt = 0
  }

  /// More helpers than a job can use; far below what 16 bits of the gate hold.
  static let maximumWorkerCount = 1023

  /// How long a thread looks for work before it sleeps: about what going to sleep and being woken costs.
  static let spinNanoseconds: Int64 = 50_000

  /// Looks of a spinning thread, of some 30 ns each, before it offers its processor to others.
  static let looksPerYield = 64

  /// Room for the frames of any task; big buffers are never on the stack.
  static let stackByteCount = 2 << 20

  /// Jobs after which starting a thread is tried again.
  static let attemptInterval = 1024

  private let owned = Atomic<Bool>(false)
  private let gate = Atomic<UInt64>(0)
  private let nextTask = Atomic<Int>(0)
  private let spinning = Atomic<Int>(0)
  private let parked = Atomic<Int>(0)
  private let ownerIsParked = Atomic<Bool>(false)

  /// Written by the owner while the gate is closed and nobody is present; read by those present.
  private let job = UnsafeMutablePointer<Job?>.allocate(capacity: 1)
  private let roster = UnsafeMutablePointer<Roster>.allocate(capacity: 1)

  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let gateOpened = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private let lastHelperLeft = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  init() {
    job.initialize(to: nil)
    roster.initialize(to: Roster())
    mutex.initialize(to: pthread_mutex_t())
    gateOpened.initialize(to: pthread_cond_t())
    lastHelperLeft.initialize(to: pthread_cond_t())
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(gateOpened, nil)
    pthread_cond_init(lastHelperLeft, nil)
  }

  /// Only for a crew that never had a thread.
  deinit {
    pthread_cond_destroy(lastHelperLeft)
    pthread_cond_destroy(gateOpened)
    pthread_mutex_destroy(mutex)
    lastHelperLeft.deallocate()
    gateOpened.deallocate()
    mutex.deallocate()
    roster.deallocate()
    job.deallocate()
  }

  // MARK: The owner's side

  /// Makes the caller the owner, unless there is one.
  func claim() -> Bool {
    !owned.exchange(true, ordering: .acquiring)
  }

  func release() {
    owned.store(false, ordering: .releasing)
  }

  /// Runs the tasks of `newJob` with up to `helpers` of the crew. `crew` is the address of self. For the owner.
  func run(_ newJob: Job, helpers: Int, _ crew: UnsafeMutablePointer<ThreadCrew>) {
    let number = roster.pointee.jobNumber &+ 1
    roster.pointee.jobNumber = number
    let places = hire(upTo: min(helpers, ThreadCrew.maximumWorkerCount), crew)

    job.pointee = newJob
    nextTask.store(0, ordering: .relaxed)
    gate.store(UInt64(number) << 32 | UInt64(places), ordering: .sequentiallyConsistent)
    wake(places)
    work(newJob)
    gate.bitwiseAnd(~Gate.placesMask, ordering: .relaxed)
    waitUntilNobodyIsPresent()
  }

  /// Wakes as many sleepers as can take a place that no spinning helper will take.
  ///
  /// A helper counts itself as parked, then no longer as spinning, and then looks at the gate once more; all of it is
  /// sequentially consistent. So a helper whose change of state is not seen here sees the open gate.
  private func wake(_ places: Int) {
    let asleep = parked.load(ordering: .sequentiallyConsistent)
    guard asleep > 0 else { return }
    let needed = min(asleep, places - spinning.load(ordering: .sequentiallyConsistent))
    guard needed > 0 else { return }
    pthread_mutex_lock(mutex)
    for _ in 0..<needed {
      pthread_cond_signal(gateOpened)
    }
    pthread_mutex_unlock(mutex)
  }

  private func waitUntilNobodyIsPresent() {
    if spin({ Gate.present(gate.load(ordering: .acquiring)) == 0 }) { return }
    pthread_mutex_lock(mutex)
    ownerIsParked.store(true, ordering: .sequentiallyConsistent)
    while Gate.present(gate.load(ordering: .sequentiallyConsistent)) != 0 {
      pthread_cond_wait(lastHelperLeft, mutex)
    }
    ownerIsParked.store(false, ordering: .relaxed)
    pthread_mutex_unlock(mutex)
  }

  // MARK: The helpers' side

  /// What each thread of the crew does until the process ends.
  private func serve() {
    var lastJob: UInt32 = 0
    while true {
      lastJob = enterJob(after: lastJob)
      if let current = job.pointee {
        work(current)
      }
      let left = gate.subtract(Gate.onePresent, ordering: .sequentiallyConsistent).newValue
      if Gate.present(left) == 0, ownerIsParked.load(ordering: .sequentiallyConsistent) {
        pthread_mutex_lock(mutex)
        pthread_cond_signal(lastHelperLeft)
        pthread_mutex_unlock(mutex)
      }
    }
  }

  /// Waits, spinning and then asleep, for a place in a job other than `lastJob`; returns the job's number.
  private func enterJob(after lastJob: UInt32) -> UInt32 {
    var number: UInt32?
    spinning.add(1, ordering: .sequentiallyConsistent)
    _ = spin {
      number = takePlace(after: lastJob)
      return number != nil
    }
    if let number {
      spinning.subtract(1, ordering: .sequentiallyConsistent)
      return number
    }
    pthread_mutex_lock(mutex)
    parked.add(1, ordering: .sequentiallyConsistent)
    spinning.subtract(1, ordering: .sequentiallyConsistent)
    while true {
      if let number = takePlace(after: lastJob) {
        parked.subtract(1, ordering: .sequentiallyConsistent)
        pthread_mutex_unlock(mutex)
        return number
      }
      pthread_cond_wait(gateOpened, mutex)
    }
  }

  private func takePlace(after lastJob: UInt32) -> UInt32? {
    var seen = gate.load(ordering: .sequentiallyConsistent)
    while Gate.places(seen) > 0, Gate.number(seen) != lastJob {
      let (exchanged, original) = gate.compareExchange(
        expected: seen, desired: seen - 1 + Gate.onePresent, successOrdering: .acquiring, failureOrdering: .relaxed)
      if exchanged { return Gate.number(seen) }
      seen = original
    }
    return nil
  }

  // MARK: Both sides

  private func work(_ job: Job) {
    while true {
      let index = nextTask.wrappingAdd(1, ordering: .relaxed).oldValue
      guard index < job.taskCount else { return }
      job.body(job.context, index)
    }
  }

  /// Asks `condition` until it holds or `spinNanoseconds` have passed; returns whether it held. Reading the clock
  /// between two looks also keeps the thread from hammering the cache line. Now and then it offers its processor: the
  /// thread it is waiting for may have been put on the same one, and would else begin only when the time is over.
  @inline(__always)
  private func spin(_ condition: () -> Bool) -> Bool {
    if condition() { return true }
    let deadline = ThreadCrew.now() + ThreadCrew.spinNanoseconds
    repeat {
      for _ in 0..<ThreadCrew.looksPerYield {
        if condition() { return true }
        if ThreadCrew.now() >= deadline { return false }
      }
      sched_yield()
    } while true
  }

  private static func now() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }

  // MARK: Starting threads

  /// Starts threads until there are `count`, or the system refuses; returns how many of the crew a job of `count`
  /// helpers can use. For the owner.
  private func hire(upTo count: Int, _ crew: UnsafeMutablePointer<ThreadCrew>) -> Int {
    if roster.pointee.jobsToNextAttempt > 0 {
      roster.pointee.jobsToNextAttempt -= 1
    }
    while roster.pointee.workerCount < count, roster.pointee.jobsToNextAttempt == 0 {
      if ThreadCrew.startWorker(of: crew) {
        roster.pointee.workerCount += 1
      } else {
        roster.pointee.jobsToNextAttempt = ThreadCrew.attemptInterval
      }
    }
    return min(roster.pointee.workerCount, count)
  }

  /// The thread starts with all signals blocked, so that the host's handlers run on the host's threads.
  private static func startWorker(of crew: UnsafeMutablePointer<ThreadCrew>) -> Bool {
    var attributes = pthread_attr_t()
    guard pthread_attr_init(&attributes) == 0 else { return false }
    defer { pthread_attr_destroy(&attributes) }
    guard pthread_attr_setstacksize(&attributes, stackByteCount) == 0,
      pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED)) == 0
    else { return false }

    var all = sigset_t()
    var callers = sigset_t()
    sigfillset(&all)
    guard pthread_sigmask(SIG_SETMASK, &all, &callers) == 0 else { return false }
    defer { pthread_sigmask(SIG_SETMASK, &callers, nil) }
    var thread = pthread_t()
    return pthread_create(
      &thread, &attributes,
      { crew in
        ThreadCrew.nameThread()
        FloatingPointEnvironment.setOurs()
        crew?.assumingMemoryBound(to: ThreadCrew.self).pointee.serve()
        return nil
      }, crew) == 0
  }

  /// Names the calling thread for debuggers and `top -H`. Swift does not import `pthread_setname_np`.
  private static func nameThread() {
    let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
    guard file >= 0 else { return }
    _ = "martlet".withCString { write(file, $0, strlen($0)) }
    close(file)
  }
}

/// The fields of the gate.
private enum Gate {
  static let placesMask: UInt64 = 0xFFFF
  static let onePresent: UInt64 = 1 << 16

  static func places(_ gate: UInt64) -> Int { Int(gate & placesMask) }
  static func present(_ gate: UInt64) -> Int { Int(gate >> 16 & 0xFFFF) }
  static func number(_ gate: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: gate >> 32) }
}
