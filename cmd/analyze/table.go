package analyze

// section is a part of the table of calls that can block.
type section struct {
	title    string
	buffered bool   // most of its calls do not leave memory: a loop of them is no wait
	noMimic  string // why those of its functions that deeds does not have have no mimic
	rules    []rule
}

// rule is a row of the table.
type rule struct {
	recv  string // receiver with its package: "*os.File"; or the package of functions: "os"
	names string // separated by blanks
	wait  wait
}

// table is the table. A call matches by the function or method that the type
// checker says it calls, whatever the arguments: reading a file matches whether
// it is on a disk, on a dead server or a pipe. An interface's method matches a
// call through that interface.
//
// Left out are calls that only hand the work to a function of the program's:
// what blocks in them is in the function. Those that also make others wait for
// it ((*sync.Once).Do) are in. Also left out are interfaces as wide as io.Reader,
// through which most calls read memory (what such a call leads to is asked of
// the call graph instead), and what is called a byte at a time.
var table = []section{
	{"Files: any of these blocks while the file system does", false, "it would change what it is done to", []rule{
		{"*os.File", "Read ReadAt", atHead},
		{"*os.File", "Write WriteAt WriteString ReadFrom WriteTo Sync Truncate Close Stat Readdir Readdirnames ReadDir Chdir Chmod Chown", doing},
		{"os", "Open OpenFile Create CreateTemp ReadFile WriteFile ReadDir Stat Lstat Truncate Chdir Getwd Pipe CopyFS", doing},
		{"os", "Rename Remove RemoveAll Mkdir MkdirAll MkdirTemp Link Symlink Readlink Chmod Chown Lchown Chtimes OpenRoot OpenInRoot", doing},
		{"*os.Root", "Open OpenFile Create OpenRoot Mkdir MkdirAll Remove RemoveAll Rename Link Symlink Readlink Stat Lstat ReadFile WriteFile Chmod Chown Lchown Chtimes Close", doing},
		{"path/filepath", "Glob EvalSymlinks Walk WalkDir", doing},
		{"io/fs", "Glob ReadDir ReadFile Stat WalkDir", doing},
		{"io/fs.FS", "Open", doing},
		{"io/fs.File", "Read", atHead},
		{"io/fs.File", "Stat Close", doing},
		{"io/fs.ReadDirFile", "ReadDir", doing},
		{"io/ioutil", "ReadAll ReadFile WriteFile ReadDir TempDir TempFile", doing},
	}},
	{"Copying: as long as both ends take", false, "what it has read cannot be read twice", []rule{
		{"io", "Copy CopyN CopyBuffer ReadAll ReadFull ReadAtLeast", doing},
		{"*io.PipeReader", "Read", atHead},
		{"*io.PipeWriter", "Write", doing},
	}},
	{"Buffers: a call that finds its buffer empty or full goes to what is behind", true, "what is behind the buffer is not known", []rule{
		{"*bufio.Reader", "Read ReadBytes ReadLine ReadSlice ReadString Peek Discard WriteTo", atHead},
		{"*bufio.Scanner", "Scan", atHead},
		{"*bufio.Writer", "Flush Write WriteString ReadFrom", doing},
		{"*encoding/json.Decoder", "Decode Token More", atHead},
		{"*encoding/json.Encoder", "Encode", doing},
		{"*encoding/gob.Decoder", "Decode", atHead},
		{"*encoding/gob.Encoder", "Encode", doing},
		{"*encoding/xml.Decoder", "Decode Token", atHead},
		{"*encoding/xml.Encoder", "Encode Flush", doing},
		{"*encoding/csv.Reader", "Read ReadAll", atHead},
		{"*encoding/csv.Writer", "Flush WriteAll", doing},
		{"encoding/binary", "Read Write", doing},
		{"*net/textproto.Reader", "ReadLine ReadLineBytes ReadMIMEHeader ReadResponse ReadCodeLine", atHead},
	}},
	{"Standard output and logs: a pipe that nobody reads, a terminal that is stopped", true, "what is written would be seen", []rule{
		{"fmt", "Print Printf Println", doing},
		{"fmt", "Scan Scanf Scanln", atHead},
		{"log", "Print Printf Println Fatal Fatalf Fatalln Panic Panicf Panicln Output", doing},
		{"*log.Logger", "Print Printf Println Fatal Fatalf Fatalln Panic Panicf Panicln Output", doing},
		{"log/slog", "Debug Info Warn Error Log LogAttrs DebugContext InfoContext WarnContext ErrorContext", doing},
		{"*log/slog.Logger", "Debug Info Warn Error Log LogAttrs DebugContext InfoContext WarnContext ErrorContext", doing},
		{"*log/syslog.Writer", "Write Close Emerg Alert Crit Err Warning Notice Info Debug", doing},
		{"log/syslog", "New Dial", doing},
	}},
	{"The network", false, "it has no connection to look at", []rule{
		{"net.Conn", "Read", atHead},
		{"net.Conn", "Write", doing},
		{"*net.conn", "Read", atHead}, // what *net.TCPConn and its like embed
		{"*net.conn", "Write", doing},
		{"net.PacketConn", "ReadFrom", atHead},
		{"net.PacketConn", "WriteTo", doing},
		{"*net.UDPConn", "ReadFrom ReadFromUDP ReadFromUDPAddrPort ReadMsgUDP ReadMsgUDPAddrPort", atHead},
		{"*net.UDPConn", "WriteTo WriteToUDP WriteToUDPAddrPort WriteMsgUDP WriteMsgUDPAddrPort", doing},
		{"*net.IPConn", "ReadFrom ReadFromIP ReadMsgIP", atHead},
		{"*net.IPConn", "WriteTo WriteToIP WriteMsgIP", doing},
		{"*net.UnixConn", "ReadFrom ReadFromUnix ReadMsgUnix", atHead},
		{"*net.UnixConn", "WriteTo WriteToUnix WriteMsgUnix", doing},
		{"*net.TCPConn", "ReadFrom WriteTo", doing},
		{"*net.Buffers", "WriteTo", doing},
		{"net.Listener", "Accept", always},
		{"*net.TCPListener", "Accept AcceptTCP", always},
		{"*net.UnixListener", "Accept AcceptUnix", always},
		{"net", "Dial DialTimeout DialTCP DialUDP DialUnix DialIP", doing},
		{"*net.Dialer", "Dial DialContext", doing},
		{"net", "LookupHost LookupIP LookupAddr LookupCNAME LookupMX LookupNS LookupPort LookupSRV LookupTXT ResolveTCPAddr ResolveUDPAddr ResolveIPAddr", doing},
		{"*net.Resolver", "LookupHost LookupIP LookupIPAddr LookupNetIP LookupAddr LookupCNAME LookupMX LookupNS LookupPort LookupSRV LookupTXT", doing},
		{"*crypto/tls.Conn", "Read", atHead},
		{"*crypto/tls.Conn", "Write Handshake HandshakeContext Close CloseWrite", doing},
		{"*crypto/tls.Dialer", "Dial DialContext", doing},
		{"crypto/tls", "Dial DialWithDialer", doing},
		{"net/smtp", "Dial SendMail", doing},
		{"*net/rpc.Client", "Call", doing},
		{"net/rpc", "Dial DialHTTP", doing},
		{"net/rpc", "Accept ServeCodec ServeConn", always},
		{"*net/rpc.Server", "Accept ServeCodec ServeConn", always},
	}},
	{"HTTP", false, "package net/http keeps the connection to itself", []rule{
		{"net/http", "Get Head Post PostForm", doing},
		{"*net/http.Client", "Do Get Head Post PostForm", doing},
		{"net/http.RoundTripper", "RoundTrip", doing},
		{"*net/http.Transport", "RoundTrip", doing},
		{"net/http.ResponseWriter", "Write", doing},
		{"net/http.Flusher", "Flush", doing},
		{"*net/http.ResponseController", "Flush", doing},
		{"net/http", "Error NotFound Redirect ServeContent ServeFile ServeFileFS ReadRequest ReadResponse", doing},
		{"*net/http.Request", "ParseForm ParseMultipartForm FormFile FormValue PostFormValue Write", doing},
		{"*net/http.Response", "Write", doing},
		{"*net/http/httputil.ReverseProxy", "ServeHTTP", doing},
		{"*net/http.Server", "Shutdown Close", doing},
		{"*net/http.Server", "Serve ServeTLS ListenAndServe ListenAndServeTLS", always},
		{"net/http", "Serve ServeTLS ListenAndServe ListenAndServeTLS", always},
	}},
	{"Databases: a connection of the pool, then the server", false, "it is done to a connection that is taken", []rule{
		{"*database/sql.DB", "Begin BeginTx Conn Exec ExecContext Ping PingContext Prepare PrepareContext Query QueryContext QueryRow QueryRowContext Close", doing},
		{"*database/sql.Conn", "BeginTx ExecContext PingContext PrepareContext QueryContext QueryRowContext Raw Close", doing},
		{"*database/sql.Tx", "Commit Rollback Exec ExecContext Prepare PrepareContext Query QueryContext QueryRow QueryRowContext", doing},
		{"*database/sql.Stmt", "Exec ExecContext Query QueryContext QueryRow QueryRowContext Close", doing},
		{"*database/sql.Row", "Scan", doing},
		{"*database/sql.Rows", "Next NextResultSet Close", doing},
	}},
	{"Other processes", false, "a process is started, and waited for, once", []rule{
		{"*os/exec.Cmd", "Run Start Wait Output CombinedOutput", doing},
		{"*os.Process", "Wait", doing},
		{"os", "StartProcess", doing},
		{"os/exec", "LookPath", doing},
	}},
	{"Other goroutines, and what is acquired: semaphores, connections, a first run", false, "the judge sees it by its marks", []rule{
		{"*sync.Once", "Do", doing},
		{"*golang.org/x/sync/errgroup.Group", "Go Wait", doing}, // Go waits for a place if there is a limit
		{"*golang.org/x/sync/semaphore.Weighted", "Acquire", doing},
		{"*golang.org/x/sync/singleflight.Group", "Do", doing},
	}},
	{"Time: a sleep ends by itself, as was asked for", false, "it is a pause that was asked for", []rule{
		{"time", "Sleep", always},
	}},
	{"System calls made directly", false, "what it is done to is not known", []rule{
		{"syscall", sysFile + " " + sysNet + " Syscall Syscall6", doing},
		{"golang.org/x/sys/unix", sysFile + " " + sysNet + " " + sysUnix + " Syscall Syscall6", doing},
		{"golang.org/x/sys/unix", "Poll Ppoll Select EpollWait", atHead},
		{"syscall", "Select EpollWait", atHead},
	}},
}

const (
	sysFile = "Open Openat Creat Close Read Write Pread Pwrite Fsync Fdatasync Sync Ftruncate Truncate Fallocate Flock FcntlFlock " +
		"Rename Unlink Link Symlink Readlink Mkdir Rmdir Chmod Fchmod Chown Fchown Stat Lstat Fstat Statfs Fstatfs Getdents ReadDirent " +
		"Sendfile Splice Tee SyncFileRange Mount Unmount Wait4"
	sysNet  = "Connect Accept Accept4 Recvfrom Recvmsg Sendto Sendmsg"
	sysUnix = "Readv Writev Preadv Pwritev Msync Syncfs CopyFileRange Unlinkat Renameat Renameat2 Mkdirat Linkat Symlinkat Statx Waitid"
)
