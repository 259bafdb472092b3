-- Writes down everything that the server itself handles, for tests of secrecy: one file of stanzas, and per connection
-- and direction one file of the decrypted bytes (a text that came in two reads is whole again in its file).
-- Works for every listener of net.server: client streams, server streams and the SOCKS5 proxy's relayed bytes.
module:set_global();

local filters = require "util.filters";
local server = require "net.server";
local portmanager = require "core.portmanager";

local directory = module:get_option_string("trace_directory");
local limit = module:get_option_number("trace_limit", 256 * 1024 * 1024);
local written, files, count = 0, {}, 0;

local function open(name)
	local file = assert(io.open(directory .. "/" .. name, "wb"));
	file:setvbuf("no");
	return file;
end

local stanzas = open("stanzas");

-- A trace that misses something must not pass for a whole one: the reader refuses it when it sees "cut".
local function append(file, data)
	if written > limit then return; end
	written = written + #data;
	file:write(data);
	if written > limit then open("cut"):close(); end
end

local function note(conn, direction, data)
	if type(data) ~= "string" or data == "" then return; end
	local own = files[conn];
	if not own then
		count = count + 1;
		own = { id = ("%05d"):format(count) };
		files[conn] = own;
	end
	if not own[direction] then own[direction] = open("bytes-" .. own.id .. "-" .. direction); end
	append(own[direction], data);
end

-- All connections share one class; a listening socket is the first object of it that we can get hold of.
local hooked = false;
local function hook(listening)
	local class = getmetatable(listening).__index;
	if hooked or type(class) ~= "table" or not class.onincoming then return; end
	hooked = true;
	local onincoming, write, ondisconnect = class.onincoming, class.write, class.ondisconnect;
	-- linked connections (the proxy's, once activated) get an onincoming of their own; write sees their bytes all the same
	function class:onincoming(data, ...)
		note(self, "in", data);
		return onincoming(self, data, ...);
	end
	function class:write(data, ...)
		note(self, "out", data);
		return write(self, data, ...);
	end
	function class:ondisconnect(...)
		files[self] = nil;
		return ondisconnect(self, ...);
	end
	class.send = class.write;
end

module:hook_global("server-started", function ()
	for _, _, _, _, active in portmanager.get_active_services():iter(nil, nil, nil, nil) do
		hook(active.server);
	end
	if not hooked then error("this network backend can't be traced: " .. server.get_backend()); end
	module:log("info", "Everything is traced");
end);

local function stanza(direction)
	return function (t, session)
		if t and t ~= "" and t ~= " " then
			append(stanzas, ("%s %s %s\n"):format(direction, session.full_jid or session.type, tostring(t)));
		end
		return t;
	end
end
local received, sent = stanza("in"), stanza("out");

filters.add_filter_hook(function (session)
	filters.add_filter(session, "stanzas/in", received, -10000);
	filters.add_filter(session, "stanzas/out", sent, 10000);
end);
