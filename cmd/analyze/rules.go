package analyze

// A wait says whether a call that can block is, while it does, a wait for work.
type wait int

const (
	doing  wait = iota // it is work, or a wait that others wait for
	atHead             // a wait for work where a region's loop begins with it
	always             // a wait for work, or a pause the program asked for
)

// rule is a row of the table of calls that can block.
type rule struct {
	recv  string // receiver with its package: "*os.File"; or the package of functions: "os"
	names string // separated by blanks
	wait  wait
}

// rules is the table. A call matches by the function or method that the type
// checker says it calls, whatever the arguments: reading a file matches whether
// it is on a disk, on a dead server or a pipe. An interface's method matches a
// call through that interface; what the value in it is, is not asked.
//
// Calls that take a function of the program's and run it ((*sync.Once).Do) are
// left out: what blocks in them is in the function. So are interfaces as wide as
// io.Reader, through which most calls read memory.
var rules = []rule{
	// Files. Any of these blocks while the file system does.
	{"*os.File", "Read ReadAt", atHead},
	{"*os.File", "Write WriteAt WriteString ReadFrom WriteTo Sync Truncate Close Stat Readdir Readdirnames ReadDir Chmod Chown", doing},
	{"os", "Open OpenFile Create CreateTemp ReadFile WriteFile ReadDir Stat Lstat Truncate", doing},
	{"os", "Rename Remove RemoveAll Mkdir MkdirAll MkdirTemp Link Symlink Readlink Chmod Chown Chtimes", doing},
	{"path/filepath", "Glob EvalSymlinks", doing},

	// Copying and flushing: as long as both ends take.
	{"io", "Copy CopyN CopyBuffer ReadAll ReadFull ReadAtLeast", doing},
	{"*bufio.Writer", "Flush", doing},

	// The network.
	{"net.Conn", "Read", atHead},
	{"net.Conn", "Write", doing},
	{"*net.conn", "Read", atHead}, // what *net.TCPConn and its like embed
	{"*net.conn", "Write", doing},
	{"net.PacketConn", "ReadFrom", atHead},
	{"net.PacketConn", "WriteTo", doing},
	{"*net.UDPConn", "ReadFrom ReadFromUDP ReadFromUDPAddrPort ReadMsgUDP", atHead},
	{"*net.UDPConn", "WriteTo WriteToUDP WriteToUDPAddrPort WriteMsgUDP", doing},
	{"*net.UnixConn", "ReadFrom ReadFromUnix ReadMsgUnix", atHead},
	{"*net.UnixConn", "WriteTo WriteToUnix WriteMsgUnix", doing},
	{"*net.TCPConn", "ReadFrom", doing},
	{"*net.Buffers", "WriteTo", doing},
	{"net.Listener", "Accept", always},
	{"*net.TCPListener", "Accept AcceptTCP", always},
	{"*net.UnixListener", "Accept AcceptUnix", always},
	{"net", "Dial DialTimeout DialTCP DialUDP DialUnix DialIP", doing},
	{"*net.Dialer", "Dial DialContext", doing},
	{"net", "LookupHost LookupIP LookupAddr LookupCNAME LookupMX LookupNS LookupPort LookupSRV LookupTXT ResolveTCPAddr ResolveUDPAddr ResolveIPAddr", doing},
	{"*net.Resolver", "LookupHost LookupIP LookupIPAddr LookupNetIP LookupAddr LookupCNAME LookupMX LookupNS LookupPort LookupSRV LookupTXT", doing},
	{"*crypto/tls.Conn", "Read", atHead},
	{"*crypto/tls.Conn", "Write Handshake HandshakeContext", doing},
	{"*crypto/tls.Dialer", "Dial DialContext", doing},
	{"crypto/tls", "Dial DialWithDialer", doing},

	// HTTP.
	{"net/http", "Get Head Post PostForm", doing},
	{"*net/http.Client", "Do Get Head Post PostForm", doing},
	{"net/http.RoundTripper", "RoundTrip", doing},
	{"*net/http.Transport", "RoundTrip", doing},
	{"*net/http.Server", "Shutdown", doing},
	{"*net/http.Server", "Serve ServeTLS ListenAndServe ListenAndServeTLS", always},
	{"net/http", "Serve ServeTLS ListenAndServe ListenAndServeTLS", always},

	// Databases.
	{"*database/sql.DB", "Begin BeginTx Conn Exec ExecContext Ping PingContext Prepare PrepareContext Query QueryContext Close", doing},
	{"*database/sql.Conn", "BeginTx ExecContext PingContext PrepareContext QueryContext Close", doing},
	{"*database/sql.Tx", "Commit Rollback Exec ExecContext Prepare PrepareContext Query QueryContext", doing},
	{"*database/sql.Stmt", "Exec ExecContext Query QueryContext Close", doing},
	{"*database/sql.Row", "Scan", doing},
	{"*database/sql.Rows", "Next Close", doing},

	// Other processes.
	{"*os/exec.Cmd", "Run Start Wait Output CombinedOutput", doing},
	{"*os.Process", "Wait", doing},
	{"os", "StartProcess", doing},

	// Other goroutines, and time. A sleep ends by itself, as was asked for.
	{"*golang.org/x/sync/errgroup.Group", "Wait", doing},
	{"*golang.org/x/sync/semaphore.Weighted", "Acquire", doing},
	{"time", "Sleep", always},

	// System calls made directly.
	{"syscall", sysFile, doing},
	{"golang.org/x/sys/unix", sysFile + " Fdatasync Pwritev Preadv Msync Syncfs CopyFileRange Openat", doing},
	{"syscall", sysNet, doing},
	{"golang.org/x/sys/unix", sysNet, doing},
	{"golang.org/x/sys/unix", "Poll Ppoll Select EpollWait", atHead},
	{"syscall", "Select EpollWait", atHead},
}

const (
	sysFile = "Open Read Write Pread Pwrite Fsync Ftruncate Flock FcntlFlock Rename Unlink Mkdir Rmdir Stat Fstat Sendfile Wait4"
	sysNet  = "Connect Accept Accept4 Recvfrom Recvmsg Sendto Sendmsg"
)
