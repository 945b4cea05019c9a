package analyze

import (
	"cmp"
	"slices"
	"strings"

	"github.com/lifesign-go/lifesign/event"
)

// deedRule is a row of the deeds.
type deedRule struct {
	recv  string     // as in the table
	names string     // separated by blanks
	deed  event.Deed // "" if there is no mimic of them
	takes string     // what the mimic is given, see below; or why there is none
}

// deeds says which functions of the table have a mimic, and what that is given
// of a call: items, separated by blanks, in the order in which they are captured.
//
//	handle     the receiver, or with :N the N-th argument: a pointer, or an interface that holds one
//	fd:N       a descriptor, as a number; or, of int(f.Fd()), the file f
//	bytes:N    a slice of bytes
//	mapping:N  where in memory a slice of bytes is, which a file is mapped into
//	chars:N    a string that is written
//	length:N   the length of a slice
//	number:N   an integer
//	text:N     a string
//	request:N  where a *http.Request goes to
//	"tcp"      this text
//	creates:N  nothing: flags that make it event.DoDirectory if they have O_CREATE
//
// A function with several rows is given what the first of them asks for and can
// be had. What has no row has no mimic for the reason that its section of the
// table tells.
var deeds = slices.Concat(fileDeeds, systemDeeds, networkDeeds)

var fileDeeds = []deedRule{
	{"*os.File", "Write", event.DoWrite, "handle bytes:0"},
	{"*os.File", "WriteString", event.DoWrite, "handle chars:0"},
	{"*os.File", "WriteAt", event.DoWrite, "handle bytes:0 number:1"},
	{"*os.File", "Sync", event.DoSync, "handle"},
	{"*os.File", "ReadAt", event.DoRead, "handle length:0 number:1"},
	{"*os.File", "Truncate", event.DoTruncate, "handle number:0"},
	{"*os.File", "Read", "", "only the file knows its offset, and what a pipe has given cannot be read twice"},
	{"*os.File", "ReadFrom WriteTo", "", "how much it copies is not known before"},
	{"*os.File", "Close", "", "a file is closed once"},
	{"*os.File", "Stat Readdir Readdirnames ReadDir Chdir", "", "it is done to a descriptor, and the program's are left alone"},
	{"os", "Open ReadFile ReadDir Stat Lstat Readlink Chdir OpenRoot", event.DoOpen, "text:0"},
	{"os", "OpenFile", event.DoOpen, "text:0 creates:1"},
	{"os", "Create Mkdir MkdirAll Remove RemoveAll", event.DoDirectory, "text:0"},
	{"os", "Rename", event.DoDirectory, "text:0 text:1"},
	{"os", "Rename", event.DoDirectory, "text:1"},
	{"os", "Rename", event.DoDirectory, "text:0"},
	{"os", "Link Symlink", event.DoDirectory, "text:1"},
	{"os", "WriteFile", event.DoWrite, "text:0 bytes:1"},
	{"os", "Truncate", event.DoTruncate, "text:0 number:1"},
	{"os", "CreateTemp MkdirTemp", "", "the name is made by the call"},
	{"os", "Getwd Pipe", "", "it is given nothing"},
	{"os", "CopyFS", "", "it is many operations in one"},
	{"os", "OpenInRoot", "", relative},
	{"*os.Root", "Open OpenFile Create OpenRoot Mkdir MkdirAll Remove RemoveAll Rename Link Symlink Readlink Stat Lstat ReadFile WriteFile Chmod Chown Lchown Chtimes", "", relative},
	{"*os.Root", "Close", "", "a root is closed once"},
	{"path/filepath", "EvalSymlinks Walk WalkDir", event.DoOpen, "text:0"},
	{"path/filepath", "Glob", "", "a pattern is no path"},
	{"io/fs", "Glob ReadDir ReadFile Stat WalkDir", "", whatFS},
	{"io/fs.FS", "Open", "", whatFS},
	{"io/fs.File", "Read Stat Close", "", whatFS},
	{"io/fs.ReadDirFile", "ReadDir", "", whatFS},
	{"io/ioutil", "ReadFile ReadDir", event.DoOpen, "text:0"},
	{"io/ioutil", "WriteFile", event.DoWrite, "text:0 bytes:1"},
	{"io/ioutil", "ReadAll", "", "what it has read cannot be read twice"},
	{"io/ioutil", "TempDir TempFile", "", "the name is made by the call"},
}

const (
	relative = "its path is relative to a directory that is open"
	whatFS   = "what is behind an io/fs.FS is not known"
)

// Unix has what syscall has, and more.
var systemDeeds = slices.Concat(systemRules("syscall"), systemRules("golang.org/x/sys/unix"), []deedRule{
	{"golang.org/x/sys/unix", "Syncfs", event.DoSync, "fd:0"},
	{"golang.org/x/sys/unix", "Msync", event.DoSync, "mapping:0"},
	{"golang.org/x/sys/unix", "Unlinkat Renameat Renameat2 Mkdirat Linkat Symlinkat Statx", "", relative},
})

func systemRules(pkg string) []deedRule {
	return []deedRule{
		{pkg, "Fsync Fdatasync SyncFileRange", event.DoSync, "fd:0"},
		{pkg, "Write", event.DoWrite, "fd:0 bytes:1"},
		{pkg, "Pwrite", event.DoWrite, "fd:0 bytes:1 number:2"},
		{pkg, "Pread", event.DoRead, "fd:0 length:1 number:2"},
		{pkg, "Ftruncate", event.DoTruncate, "fd:0 number:1"},
		{pkg, "Truncate", event.DoTruncate, "text:0 number:1"},
		{pkg, "Open", event.DoOpen, "text:0 creates:1"},
		{pkg, "Stat Lstat Statfs Readlink", event.DoOpen, "text:0"},
		{pkg, "Creat Unlink Mkdir Rmdir", event.DoDirectory, "text:0"},
		{pkg, "Rename", event.DoDirectory, "text:0 text:1"},
		{pkg, "Rename", event.DoDirectory, "text:1"},
		{pkg, "Rename", event.DoDirectory, "text:0"},
		{pkg, "Link Symlink", event.DoDirectory, "text:1"},
		{pkg, "Openat", "", relative},
		{pkg, "Read", "", "only the file knows its offset, and what a pipe has given cannot be read twice"},
		{pkg, "Close", "", "a file is closed once"},
		{pkg, "Flock FcntlFlock", "", "a file's lock cannot be had twice"},
		{pkg, "Fallocate", "", "the space is there already"},
		{pkg, "Mount Unmount", "", "it would change the system"},
		{pkg, "Wait4", "", "a process is waited for once"},
		{pkg, "Sync", "", "it is given nothing"},
	}
}

var networkDeeds = []deedRule{
	{"net.Conn", "Read Write", event.SeeConnection, "handle"},
	{"*net.conn", "Read Write", event.SeeConnection, "handle"},
	{"*net.TCPConn", "ReadFrom WriteTo", event.SeeConnection, "handle"},
	{"*net.Buffers", "WriteTo", event.SeeConnection, "handle:0"},
	{"*crypto/tls.Conn", "Read Write Handshake HandshakeContext CloseWrite", event.SeeConnection, "handle"},
	{"*crypto/tls.Conn", "Close", "", "a connection is closed once"},
	{"net.Listener", "Accept", event.SeeListener, "handle"},
	{"*net.TCPListener", "Accept AcceptTCP", event.SeeListener, "handle"},
	{"*net.UnixListener", "Accept AcceptUnix", event.SeeListener, "handle"},
	{"net", "Dial DialTimeout", event.DoDial, "text:0 text:1"},
	{"net", "DialTCP DialUDP DialUnix DialIP", "", "its address is a structure that others may change"},
	{"*net.Dialer", "Dial", event.DoDial, "text:0 text:1"},
	{"*net.Dialer", "DialContext", event.DoDial, "text:1 text:2"},
	{"*crypto/tls.Dialer", "Dial", event.DoHandshake, "text:0 text:1"},
	{"*crypto/tls.Dialer", "DialContext", event.DoHandshake, "text:1 text:2"},
	{"crypto/tls", "Dial", event.DoHandshake, "text:0 text:1"},
	{"crypto/tls", "DialWithDialer", event.DoHandshake, "text:1 text:2"},
	{"net/smtp", "Dial SendMail", event.DoDial, `"tcp" text:0`},
	{"net/rpc", "Dial DialHTTP", event.DoDial, "text:0 text:1"},
	{"*net/rpc.Client", "Call", "", "the client keeps its connection to itself"},
	{"net/rpc", "Accept ServeCodec ServeConn", "", serverEntered},
	{"*net/rpc.Server", "Accept ServeCodec ServeConn", "", serverEntered},
	{"net/http", "Get Head Post PostForm", event.DoDial, "text:0"},
	{"*net/http.Client", "Get Head Post PostForm", event.DoDial, "text:0"},
	{"*net/http.Client", "Do", event.DoDial, "request:0"},
	{"net/http.RoundTripper", "RoundTrip", event.DoDial, "request:0"},
	{"*net/http.Transport", "RoundTrip", event.DoDial, "request:0"},
	{"*net/http.Server", "Serve ServeTLS ListenAndServe ListenAndServeTLS", "", serverEntered},
	{"net/http", "Serve ServeTLS ListenAndServe ListenAndServeTLS", "", serverEntered},
	{"*net/http.Server", "Shutdown Close", "", "a server is shut down once"},
	{"*database/sql.DB", "Begin BeginTx Conn Exec ExecContext Ping PingContext Prepare PrepareContext Query QueryContext QueryRow QueryRowContext", event.SeePool, "handle"},
	{"*database/sql.DB", "Close", "", "a pool is closed once"},
}

const serverEntered = "it is entered once, before anybody asks what it is given"

// Why what is no call of the table has no mimic.
const (
	byMarks    = "the judge sees it by its marks"
	outOfScope = "what it does is out of scope"
	ownRule    = "no mimic is known of what it calls"
)

// deedIndex finds the rows by the name of a function, see ruleName, and
// noDeedIndex why there is no mimic of a function without any. They are not
// changed once made.
var deedIndex, noDeedIndex = indexDeeds(deeds, table)

func indexDeeds(deeds []deedRule, table []section) (rows map[string][]deedRule, none map[string]string) {
	rows, none = make(map[string][]deedRule), make(map[string]string)
	for _, d := range deeds {
		for _, name := range strings.Fields(d.names) {
			full := fullName(d.recv, name)
			rows[full] = append(rows[full], d)
		}
	}
	for _, s := range table {
		for _, r := range s.rules {
			for _, name := range strings.Fields(r.names) {
				none[fullName(r.recv, name)] = s.noMimic
			}
		}
	}
	return rows, none
}

// deedsOf returns the rows of a call that can lead to each of the functions
// named: they must have the same, or none where it is the handle that tells
// what is there. why is why there are no rows.
func deedsOf(names []string) (rows []deedRule, why string) {
	for _, name := range names {
		own := deedIndex[name]
		switch {
		case len(own) == 0 || own[0].deed == "":
			why = cmp.Or(why, noDeed(name, own))
		case rows == nil:
			rows = own
		case rows[0].deed != own[0].deed || rows[0].takes != own[0].takes:
			return nil, "it can lead to functions whose mimics differ"
		}
	}
	if rows == nil || why != "" && !strings.HasPrefix(rows[0].takes, "handle") {
		return nil, why
	}
	return rows, ""
}

func noDeed(name string, own []deedRule) string {
	if len(own) > 0 {
		return own[0].takes
	}
	return noDeedIndex[name]
}
