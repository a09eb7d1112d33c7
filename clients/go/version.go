package riverbeat

// Version of this client, told to the keeper.
const Version = "0.1.0"
